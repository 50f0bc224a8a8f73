/** examples/README.md tells of every example. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { ROOT } from '../../lab/root.ts'

const folder = join(ROOT, 'examples')

it.each(
  readdirSync(folder, { withFileTypes: true })
    .filter(({ name }) => name !== 'README.md')
    .map((entry) => (entry.isDirectory() ? `${entry.name}/README.md` : entry.name)),
)('has a link to %s', (path) => {
  expect(readFileSync(join(folder, 'README.md'), 'utf8')).toContain(`](${path})`)
})
