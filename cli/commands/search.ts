/** `tartan search`: the best passages for a query, on the terminal. */
import { Command, Option } from 'commander'
import pc from 'picocolors'
import { K_MAX } from '../../format/limits.ts'
import { openIndexBy } from '../../runtime/platform/node/nodeIndex.ts'
import { openQueryEncoder } from '../../runtime/platform/node/queryEncoder.ts'
import { isIndexUrl } from '../../runtime/platform/urlFiles.ts'
import type { SearchOptions } from '../../runtime/searcher.ts'
import type { Pipeline } from '../../runtime/searchers/openIndexFiles.ts'
import { integer, jsonOption, pipelineOption, searchParameterOptions } from '../options.ts'
import { formatBytes, formatCounted, printable } from '../terminal.ts'

interface Options extends SearchOptions {
  readonly model?: string
  readonly json?: boolean
  readonly pipeline?: Pipeline
}

export function searchCommand(): Command {
  const command = new Command('search')
    .description('Search an index from the terminal.')
    .argument('<index>', 'index folder or pack, or its address: https://…, s3://bucket/prefix')
    .argument('<query>', 'what to look for')
    .addOption(new Option('-k, --k <n>', 'passages wanted').argParser(integer(1, K_MAX)).default(10))
    .addOption(new Option('--filter <id...>', 'only passages with these ids'))
    .addOption(new Option('-m, --model <name|folder>', "encoder (default: the index's own, if bundled)"))
  for (const option of searchParameterOptions()) command.addOption(option)
  return command
    .addOption(pipelineOption('default: range for an address, else resident'))
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
Examples:
  tartan search corpus.tartan "does vitamin d prevent fractures" --k 5
  tartan search corpus.tartan "boundary layer" --json | jq -r '.hits[].id'
  tartan search https://example.org/corpus.tartan/ "boundary layer"   reads a few hundred kilobytes of it`,
    )
    .action(search)
}

async function search(index: string, query: string, { model, json, pipeline, ...options }: Options): Promise<void> {
  // One query is not worth loading a whole index for; but tiers are measured for one that is loaded.
  const isRemote = isIndexUrl(index) && options.tier === undefined
  const searcher = await openIndexBy(index, pipeline ?? (isRemote ? 'range' : 'resident'))
  try {
    const encoder = await openQueryEncoder(searcher.info, model)
    try {
      const encoded = await encoder.encodeQuery(query)
      const started = performance.now()
      const answer = await searcher.search(encoded, options)
      const ms = performance.now() - started
      const passages = await searcher.passages(answer.hits.map(({ pid }) => pid))
      if (json) {
        const hits = answer.hits.map((hit, i) => ({ ...hit, ...passages[i] }))
        process.stdout.write(`${JSON.stringify({ query, ...answer, ms, hits })}\n`)
        return
      }
      for (const [i, hit] of answer.hits.entries()) {
        const { title, text } = passages[i] ?? {}
        const heading = `${String(hit.rank).padStart(3)}  ${pc.bold(printable(title || hit.id))}  ${pc.dim(`${printable(hit.id)}  ${hit.score.toFixed(3)}`)}`
        process.stdout.write(`${heading}\n${text ? `     ${excerpt(printable(text))}\n` : ''}`)
      }
      const tier = answer.parameters.tier ? `, tier ${answer.parameters.tier}` : ''
      const wanted = Math.min(options.k ?? 10, searcher.info.passages)
      if (answer.hits.length < wanted && !options.filter && !answer.skipped) {
        process.stderr.write(
          pc.dim(
            `Only ${answer.hits.length} passages share a cell with the query; a larger --ncells looks further (tartan tune finds a setting).\n`,
          ),
        )
      }
      const { storage } = answer
      const read = storage ? `, ${formatBytes(storage.bytes)} in ${formatCounted(storage.reads, 'read')}` : ''
      process.stderr.write(
        pc.dim(`${answer.hits.length} of ${searcher.info.passages} passages, ${ms.toFixed(1)} ms${tier}${read}\n`),
      )
    } finally {
      await encoder.close()
    }
  } finally {
    await searcher.close()
  }
}

const EXCERPT_CHARACTERS = 180

function excerpt(text: string): string {
  const line = text.replace(/\s+/g, ' ')
  return line.length <= EXCERPT_CHARACTERS ? line : `${line.slice(0, EXCERPT_CHARACTERS).replace(/\s\S*$/, '')} …`
}
