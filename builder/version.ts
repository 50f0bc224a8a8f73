/** Name and version of this package, as written into indexes and shown by `tartan --version`. */
import packageJson from '../package.json' with { type: 'json' }

export const VERSION: string = packageJson.version
export const BUILDER_NAME = `${packageJson.name} ${packageJson.version}`
