/** Public face of the deploy plan, `tartan-search/deploy`: on which hosts an index fits, and the files that put it there. */
export { type DeployPlan, type DeployPlanOptions, deployPlan, type HostPlan } from './deployPlan.ts'
export { HOST_NAMES, type HostName } from './hosts.ts'
export { type WriteDeployOptions, writeDeployFiles } from './writeDeployFiles.ts'
