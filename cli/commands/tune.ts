/** `tartan tune`: measures search settings of an index and stores them in it as tiers. */
import { Command, Option } from 'commander'
import { SAMPLE_DEFAULT, type TuneIndexOptions, tuneIndex } from '../../builder/tune/tuneIndex.ts'
import { readIndex } from '../../format/indexReader.ts'
import { filesAtPath } from '../../runtime/platform/node/nodeFiles.ts'
import { listed } from '../corpusReport.ts'
import { integer, jsonOption, quietOption, threadsOption } from '../options.ts'
import { createProgress } from '../terminal.ts'
import { tiersTable } from '../tiersTable.ts'

interface Options extends Pick<TuneIndexOptions, 'queries' | 'vectors' | 'model' | 'fromRows' | 'sample' | 'threads'> {
  readonly seed: number
  readonly times: boolean
  readonly json?: boolean
  readonly quiet?: boolean
}

export function tuneCommand(signal: AbortSignal): Command {
  return new Command('tune')
    .argument('<index>', 'index folder or pack; only its manifest changes')
    .option('--queries <path>', 'real queries: a file (BEIR JSONL or TSV), or a vectors folder that has some')
    .option(
      '--vectors <folder>',
      'compare with these vectors, which the index was built from (default: with what it decodes to)',
    )
    .addOption(
      new Option(
        '--sample <n>',
        `queries at most (default: ${SAMPLE_DEFAULT} made from the corpus, or all given)`,
      ).argParser(integer(1, 1_000_000)),
    )
    .option('--from-rows', 'make queries of token vectors of passages, without texts and encoder')
    .addOption(new Option('-m, --model <name|folder>', "encoder of query texts (default: the index's own, if bundled)"))
    .addOption(
      new Option('--seed <n>', 'of the passages that queries are made from')
        .argParser(integer(0, 2 ** 32 - 1))
        .default(42),
    )
    .option('--no-times', 'store counted work only: the same input then gives the same bytes')
    .addOption(threadsOption())
    .addOption(jsonOption())
    .addOption(quietOption())
    .addHelpText(
      'after',
      `
A search uses the tier "balanced" unless it names another (--tier, "tier" in HTTP) or gives parameters. A server that has the index
open takes the new tiers when it looks for a new generation (tartan serve --refresh).

Examples:
  tartan tune corpus.tartan
  tartan tune corpus.tartan --queries queries.jsonl --sample 200
  tartan tune ready.tartan --queries vectors/ --vectors vectors/`,
    )
    .action((index: string, options: Options) => tune(index, options, signal))
}

async function tune(index: string, { json, quiet, ...options }: Options, signal: AbortSignal): Promise<void> {
  const progress = createProgress({ quiet: quiet || json })
  try {
    const report = await tuneIndex(index, { ...options, onProgress: progress.onProgress, signal })
    progress.stop()
    const { wordlessQueries = [] } = report
    if (wordlessQueries.length > 0)
      process.stderr.write(`Left out, without a word to search with: ${listed(wordlessQueries, 'query', 'queries')}.\n`)
    process.stdout.write(
      json
        ? `${JSON.stringify(report)}\n`
        : `${index}: generation ${report.generation}\n${tiersTable(report.tiers, await centroidsOf(index))}`,
    )
  } finally {
    progress.stop()
  }
}

async function centroidsOf(index: string): Promise<number> {
  const reader = await readIndex(await filesAtPath(index))
  await reader.close()
  return reader.manifest.quantisers.reduce((sum, quantiser) => sum + quantiser.centroids, 0)
}
