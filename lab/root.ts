/** The folder of the repository. */
import { fileURLToPath } from 'node:url'

/** With a slash at the end. */
export const ROOT = fileURLToPath(new URL('..', import.meta.url))
