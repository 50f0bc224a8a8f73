/** Name and version of this package, as written into indexes and shown by `tartan --version`. */
import { VERSION } from '../runtime/version.ts'

export { VERSION }
export const BUILDER_NAME = `tartan-search ${VERSION}`
