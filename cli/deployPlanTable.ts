/** A deploy plan as people read it: for `tartan deploy-plan`. */
import type { DeployPlan, HostPlan } from '../deploy/deployPlan.ts'
import { formatBytes, formatCount, formatCounted, formatSeconds, formatTable, printable } from './terminal.ts'

const HEADING = [
  'host',
  'fits',
  'encodes',
  'pipeline',
  'memory',
  'script',
  'to open',
  'a query',
  '10 texts',
  'cold start',
]

/** The table, then by host what stands in the way and what to know, then what the figures rest on. */
export function deployPlanTable({ index, encoder, hosts }: DeployPlan): string {
  const { name, passages, files, bytes, largestPartBytes } = index
  const facts = `${printable(name)}: ${formatCounted(passages, 'passage')}, ${formatBytes(bytes)} in ${formatCounted(files, 'file')}, the largest part ${formatBytes(largestPartBytes)}; texts are encoded ${encoder === 'auto' ? 'on the hosts that say so, else elsewhere' : encoder ? 'on the host' : 'elsewhere'}`
  const table = formatTable([HEADING, ...hosts.map(rowOf)])
  const remarks = hosts.flatMap(remarksOf)
  return [facts, table, ...remarks, basisOf(hosts)].join('\n\n').concat('\n')
}

function rowOf(plan: HostPlan): readonly string[] {
  const { hostMb, memoryMax } = plan.memory
  const inEnglish = (value: number) => value.toLocaleString('en-US')
  const memory = `${inEnglish(Math.floor(memoryMax / 1e6))} MB (${inEnglish(hostMb)} MB)`
  const script = plan.scriptBytes === undefined ? '-' : formatBytes(plan.scriptBytes)
  const encodes = plan.encoder ? 'yes' : 'no'
  if (!plan.pipeline) return [plan.host, 'no', encodes, '-', memory, script, '-', '-', '-', '-']
  const { opening, query, coldStart } = plan
  return [
    plan.host,
    plan.fits ? (plan.plan === 'paid' ? 'paid plan' : 'yes') : 'no',
    encodes,
    plan.pipeline,
    `${inEnglish(Math.ceil(plan.memory.needed / 1e6))} of ${memory}`,
    script,
    readsText(opening),
    query.typical.requests > 0 ? `~${readsText(query.typical)}` : 'nothing',
    query.texts.requests > 0 ? `~${readsText(query.texts)}` : 'none',
    `~${formatSeconds(coldStart.totalMs / 1000)}`,
  ]
}

function readsText({ requests, bytes }: { readonly requests: number; readonly bytes: number }): string {
  return `${formatBytes(bytes)}/${formatCount(requests)}`
}

function remarksOf({ host, title, problems, notes }: HostPlan): readonly string[] {
  if (problems.length + notes.length === 0) return []
  const lines = [...problems.map((problem) => `does not fit: ${problem}`), ...notes]
  return [`${host} (${title})\n${lines.map((line) => `  - ${printable(line)}`).join('\n')}`]
}

/** What was assumed and what not, since some of these figures are no measurements. */
function basisOf(hosts: readonly HostPlan[]): string {
  const lines = hosts.flatMap((plan) => {
    if (!plan.pipeline) return []
    const { bytesPerSecond, roundTripMs } = plan.coldStart.assumed
    return [`${plan.host} ${bytesPerSecond / 1e6} MB/s and ${roundTripMs} ms`]
  })
  return [
    'memory: needed of what the index may have (host). to open, a query, texts: bytes/requests.',
    'Exact: memory (within 10 %), to open. Estimates: a query by range (k = 10, nothing cached; at most 1 MiB and 64 requests), its texts, cold start.',
    ...(lines.length > 0
      ? [`Cold start assumes a line and a round trip of: ${lines.join(', ')}; computing as measured in Node.`]
      : []),
  ].join('\n')
}
