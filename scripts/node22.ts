/**
 * Node 22, the oldest that the package supports, in a folder of its own: as a dependency beside the project's Node 24 its command would
 * take the place of that one's in npm scripts.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from '../lab/root.ts'

const FOLDER = join(ROOT, '.cache/node22')
/** Path of the command, once it is installed. */
export const NODE_22 = join(FOLDER, 'node_modules/node/bin/node')

/** Installs it from npm where it is not there yet. */
export function installNode22(): void {
  if (existsSync(NODE_22)) return
  process.stdout.write('Installing Node 22 for the tests of the package.\n')
  mkdirSync(FOLDER, { recursive: true })
  const dependencies = { node: '^22.18.0' }
  writeFileSync(
    join(FOLDER, 'package.json'),
    JSON.stringify({ private: true, dependencies, allowScripts: { node: true } }),
  )
  execFileSync('npm', ['install', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: FOLDER, stdio: 'inherit' })
}
