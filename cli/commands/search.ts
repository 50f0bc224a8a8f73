/** `tartan search`: the best passages for a query, on the terminal. */
import { Command, Option } from 'commander'
import pc from 'picocolors'
import { K_MAX } from '../../format/limits.ts'
import type { TextAnswer } from '../../runtime/ask/textSearch.ts'
import { openTextSearch } from '../../runtime/platform/node/nodeTextSearch.ts'
import { isIndexUrl } from '../../runtime/platform/urlFiles.ts'
import type { SearchOptions } from '../../runtime/searcher.ts'
import type { PipelineName } from '../../runtime/searchers/pipeline.ts'
import { integer, jsonOption, pipelineOption, searchParameterOptions } from '../options.ts'
import { formatBytes, formatCount, formatCounted, printable } from '../terminal.ts'

interface Options extends SearchOptions {
  readonly filter?: readonly string[]
  readonly model?: string
  readonly json?: boolean
  readonly pipeline?: PipelineName
}

export function searchCommand(): Command {
  const command = new Command('search')
    .argument('<index>', 'index folder or pack, or its address: https://…, s3://bucket/prefix')
    // Its absence, and more words than one, are told below: what was meant can be seen there.
    .argument('[query]', 'what to look for, in quotes')
    .allowExcessArguments()
    .usage('[options] <index> <query>')
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
    .action((index: string, _query: string | undefined, options: Options, called: Command) =>
      search(index, queryOf(called, options), options),
    )
}

/** The one query of the command line, or what is wrong with how it was typed. */
function queryOf(command: Command, { filter }: Options): string {
  const [index, query, ...more] = command.args
  if (query === undefined) {
    const ids = Array.isArray(filter) && filter.length > 1 ? `, since --filter took all words after it as ids` : ''
    command.error(
      `error: a query is missing${ids}. Write it before the options: tartan search ${index} "${ids ? filter?.at(-1) : 'vitamin d'}"${ids ? ' --filter …' : ''}`,
    )
  }
  if (more.length > 0) {
    command.error(
      `error: expected one query, got ${1 + more.length} words. Put it in quotes: tartan search ${index} "${[query, ...more].join(' ')}"`,
    )
  }
  return query
}

async function search(index: string, query: string, { model, json, pipeline, ...options }: Options): Promise<void> {
  // One query is not worth loading a whole index for; but tiers are measured for one that is loaded.
  const isRemote = isIndexUrl(index) && options.tier === undefined
  const chosen = pipeline ?? (isRemote ? 'range' : 'resident')
  // One query, and nothing else to do meanwhile.
  const search = await openTextSearch(index, { model, pipeline: chosen, workers: 0 })
  try {
    const answer = await search.ask(query, options)
    const unknown = unknownIds(answer, options.filter)
    if (unknown) process.stderr.write(unknown)
    if (answer.truncated) process.stderr.write('The query is longer than the encoder reads: its end was left out.\n')
    if (json) {
      process.stdout.write(`${JSON.stringify({ query, ...answer, ms: answer.ms.search })}\n`)
      return
    }
    for (const hit of answer.hits) process.stdout.write(listed(hit))
    const wanted = Math.min(answer.parameters.k, search.info.passages)
    if (answer.hits.length < wanted && !options.filter && !answer.skipped) {
      process.stderr.write(
        pc.dim(
          `Only ${answer.hits.length} passages share a cell with the query; a larger --ncells looks further (tartan tune finds a setting).\n`,
        ),
      )
    }
    process.stderr.write(pc.dim(summary(answer, search.info.passages)))
  } finally {
    await search.close()
  }
}

function listed({ id, rank, score, title, text }: TextAnswer['hits'][number]): string {
  const heading = `${String(rank).padStart(3)}  ${pc.bold(printable(title || id))}  ${pc.dim(`${printable(id)}  ${score.toFixed(3)}`)}`
  return `${heading}\n${text ? `     ${excerpt(printable(text))}\n` : ''}`
}

function summary({ hits, ms, parameters, storage }: TextAnswer, passages: number): string {
  const tier = parameters.pipeline === 'resident' && parameters.tier ? `, tier ${parameters.tier}` : ''
  const read = storage ? `, ${formatBytes(storage.bytes)} in ${formatCounted(storage.reads, 'read')}` : ''
  return `${hits.length} of ${passages} passages, ${(ms.search ?? 0).toFixed(1)} ms${tier}${read}\n`
}

/** What to say when no passage has some of the filter's ids. */
function unknownIds(
  { counts: { unknownIds: unknown = 0 } }: TextAnswer,
  filter: readonly string[] = [],
): string | undefined {
  if (unknown === 0) return undefined
  const ids = new Set(filter)
  // Whoever writes a condition takes ids for fields.
  const cure = [...ids].some((id) => id.includes('='))
    ? ' --filter takes ids of passages, not conditions on their fields.'
    : ''
  return `${formatCount(unknown)} of ${formatCount(ids.size)} ids unknown: no passage has ${unknown === 1 ? 'it' : 'them'}.${cure}\n`
}

const EXCERPT_CHARACTERS = 180

function excerpt(text: string): string {
  const line = text.replace(/\s+/g, ' ')
  return line.length <= EXCERPT_CHARACTERS ? line : `${line.slice(0, EXCERPT_CHARACTERS).replace(/\s\S*$/, '')} …`
}
