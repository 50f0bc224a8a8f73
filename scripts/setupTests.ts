/** Makes sure that what the tests need besides the project's npm packages is there: a real Chromium, and Node 22 beside Node 24. */
import { execFileSync } from 'node:child_process'
import { findChromium } from '../lab/hosts/chromium.ts'
import { installNode22 } from './node22.ts'

if (!findChromium()) {
  const isRoot = process.getuid?.() === 0
  const run = (command: string, ...rest: string[]) =>
    execFileSync(isRoot ? command : 'sudo', isRoot ? rest : [command, ...rest], {
      stdio: 'inherit',
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    })
  process.stdout.write('Installing Chromium for the browser tests.\n')
  run('apt-get', 'update', '-qq')
  run('apt-get', 'install', '-y', '-qq', '--no-install-recommends', 'chromium')
}

installNode22()
