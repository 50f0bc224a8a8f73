/** The README's first command: builds the example index once, then serves the search page. */
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { runCli } from '../cli/main.ts'

const corpus = fileURLToPath(new URL('../examples/scifact/corpus.jsonl.gz', import.meta.url))
const index = fileURLToPath(new URL('../.demo/scifact.tartan', import.meta.url))
const serveArguments = process.argv.slice(2)

if (!existsSync(index)) {
  process.stdout.write(
    'Building the example index of 5,183 scientific abstracts. This takes two to four minutes on two cores that are idle, once; every line says about how long is left.\n',
  )
  process.exitCode = await runCli(['build', corpus, '--out', index, '--name', 'SciFact'])
}
if (!process.exitCode) process.exitCode = await runCli(['serve', index, '--open', ...serveArguments])
