/** `tartan serve`: search page and HTTP API over one or more indexes. */
import { spawn } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { Command, Option } from 'commander'
import pc from 'picocolors'
import type { Encoder } from '../../encoder/encoder.ts'
import { assertSameEncoder } from '../../encoder/fingerprint.ts'
import { InputError, TartanError } from '../../format/errors.ts'
import type { TierName } from '../../format/manifest/tiers.ts'
import { openIndex } from '../../runtime/platform/node/nodeIndex.ts'
import { openQueryEncoder } from '../../runtime/platform/node/queryEncoder.ts'
import { allowedOrigins, type LogEntry, serveIndexes } from '../../runtime/platform/node.ts'
import type { Searcher } from '../../runtime/searcher.ts'
import type { OpenedIndex } from '../../runtime/searchers/indexSearcher.ts'
import type { PipelineName } from '../../runtime/searchers/pipeline.ts'
import type { Admission } from '../../runtime/waiting/admission.ts'
import { integer, pipelineOption, tierOption } from '../options.ts'
import { formatBytes, formatCount, formatCounted } from '../terminal.ts'

interface Options {
  readonly port: number
  readonly host: string
  readonly workers: number
  readonly queue: number
  readonly wait: number
  readonly timeout: number
  readonly maxK?: number
  readonly maxHighlight?: number
  readonly maxRows?: number
  readonly maxTexts?: number
  readonly model?: string
  readonly tier?: TierName
  readonly pipeline?: PipelineName
  readonly origin?: readonly string[]
  readonly open?: boolean
  readonly refresh: number
}

export function serveCommand(signal: AbortSignal): Command {
  return new Command('serve')
    .argument('<index...>', 'index folders or packs, or their addresses: https://…, s3://bucket/prefix')
    .addOption(new Option('-p, --port <n>', 'port; 0 picks a free one').argParser(integer(0, 65_535)).default(8080))
    .option('--host <host>', 'address to listen on; 0.0.0.0 for all', '127.0.0.1')
    .addOption(
      new Option(
        '-w, --workers <n>',
        'threads that encode queries, and as many that search each index in memory, which they share',
      )
        .argParser(integer(1, 64))
        .default(defaultWorkers(), 'all cores but one, at most 8'),
    )
    .addOption(
      new Option('--queue <n>', 'requests that may wait for their turn; one more is refused with 503')
        .argParser(integer(0, 1_000_000))
        .default(1024),
    )
    .addOption(
      new Option('--wait <seconds>', 'a request that would wait longer for its turn is refused at once with 503')
        .argParser(integer(1, 3600))
        .default(10),
    )
    .addOption(
      new Option('--timeout <seconds>', 'a request that is not answered by then gets 504')
        .argParser(integer(1, 3600))
        .default(30),
    )
    .addOption(new Option('--max-k <n>', 'most results of one request').argParser(integer(1, 1000)))
    .addOption(new Option('--max-highlight <n>', 'most results whose words are marked').argParser(integer(1, 1000)))
    .addOption(new Option('--max-rows <n>', 'most rows of query vectors').argParser(integer(1, 512)))
    .addOption(
      new Option('--max-texts <n>', 'most texts of one request to encode or rerank').argParser(integer(1, 1000)),
    )
    .addOption(
      new Option(
        '-m, --model <name|folder>',
        "encoder (default: the index's own, if bundled); none: answer query vectors only",
      ),
    )
    .addOption(tierOption('for requests that name none (default: balanced of each index that has tiers)'))
    .addOption(pipelineOption('default: resident where that fits half of the free memory'))
    .addOption(
      new Option('--refresh <seconds>', 'how often to look whether an index was replaced; 0 never')
        .argParser(integer(0, 86_400))
        .default(10),
    )
    .option('--origin <origin...>', 'other sites whose pages may ask, such as https://docs.example.org; * for all')
    .option('--open', 'open the search page in the browser')
    .addHelpText(
      'after',
      `
Routes: / (search page), /api/search?query=&k= (ColBERT's own), /v1/search, /v1/passages/:id, /v1/indexes, /health, /openapi.json

Examples:
  tartan serve corpus.tartan --open
  tartan serve a.tartan b.tartan --port 3000 --host 0.0.0.0
  tartan serve corpus.tartan --workers 4 --wait 3     refuse what would wait for more than three seconds
  tartan serve s3://my-bucket/corpus.tartan --pipeline range`,
    )
    .action((indexes: string[], options: Options) => serveUntilStopped(indexes, options, signal))
}

type ServedIndex = Searcher & Pick<OpenedIndex, 'close'>

/** Looks for new generations, so that no query has to. A failure is told, and what is served stays. */
function refreshEvery(seconds: number, searchers: ReadonlyMap<string, ServedIndex>): Closable {
  if (seconds === 0) return { close: async () => {} }
  const told = new Map<string, string>()
  const revisions = new Map(Array.from(searchers, ([name, { info }]) => [name, info.revision]))
  const look = async (name: string, searcher: ServedIndex) => {
    try {
      await searcher.refresh()
      told.delete(name)
      // A query that missed a part may have found the new one before.
      if (revisions.get(name) === searcher.info.revision) return
      revisions.set(name, searcher.info.revision)
      const { generation, passages } = searcher.info
      process.stdout.write(`${name}: replaced by generation ${generation}, ${formatCounted(passages, 'passage')}\n`)
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      // Once, not every few seconds for as long as it lasts.
      if (told.get(name) === why) return
      told.set(name, why)
      process.stderr.write(`${name}: looking for a new generation failed, the old one is served on: ${why}\n`)
    }
  }
  const timer = setInterval(() => {
    for (const [name, searcher] of searchers) void look(name, searcher)
  }, seconds * 1000)
  return { close: async () => clearInterval(timer) }
}

async function serveUntilStopped(paths: readonly string[], options: Options, signal: AbortSignal): Promise<void> {
  const { pipeline = 'auto', tier } = options
  if (pipeline === 'range' && tier) {
    throw new InputError('tiers are settings of the resident pipeline: leave --tier or --pipeline range out.')
  }
  // Before anything is opened, which may take a while.
  if (options.origin) allowedOrigins(options.origin)
  const opened: Closable[] = []
  try {
    await serveOpened(paths, { ...options, pipeline }, signal, opened)
  } finally {
    // Also after a failure: threads of a pool would keep the process alive.
    await Promise.all(opened.map((one) => one.close()))
  }
}

interface Closable {
  close(): Promise<void>
}

async function openServed(path: string, workers: number, pipeline: PipelineName | 'auto'): Promise<ServedIndex> {
  try {
    return await openIndex(path, { pipeline, workers })
  } catch (error) {
    // Several may have been named.
    if (error instanceof TartanError && !error.message.includes(path)) error.message = `"${path}": ${error.message}`
    throw error
  }
}

/** @param opened - gets what has to be closed, as soon as it is open */
async function serveOpened(
  paths: readonly string[],
  { workers, pipeline, tier, ...options }: Omit<Options, 'pipeline'> & { readonly pipeline: PipelineName | 'auto' },
  signal: AbortSignal,
  opened: Closable[],
): Promise<void> {
  const searchers = new Map<string, ServedIndex>()
  for (const path of paths) {
    const searcher = await openServed(path, workers, pipeline)
    opened.push(searcher)
    const { name } = searcher.info
    if (searchers.has(name))
      throw new InputError(`two indexes are named "${name}". Build one of them with another --name.`)
    searchers.set(name, searcher)
  }
  const encoder = await sharedEncoder([...searchers.values()], workers, options.model)
  if (encoder) opened.push(encoder)
  await warmUp(encoder, workers)
  opened.push(refreshEvery(options.refresh, searchers))
  const server = await serveIndexes({
    indexes: searchers,
    encoder,
    port: options.port,
    host: options.host,
    ...(tier ? { tier } : {}),
    ...(options.origin ? { origins: options.origin } : {}),
    ...{ workers, queue: { waitingMax: options.queue, waitMaxMs: options.wait * 1000 } },
    timeoutMs: options.timeout * 1000,
    limits: {
      ...{ k: options.maxK, highlight: options.maxHighlight },
      ...{ rows: options.maxRows, texts: options.maxTexts },
    },
    log: (entry) => process.stderr.write(`${logLine(entry)}\n`),
  })
  opened.push(tellRefused(server.admission))
  for (const { info } of searchers.values()) {
    process.stdout.write(
      `${info.name}: ${formatCounted(info.passages, 'passage')}, ${formatBytes(info.bytes)}${encoder ? '' : ', vectors only'}\n`,
    )
  }
  process.stdout.write(`Search page: ${pc.cyan(pc.underline(server.url))}   (Ctrl-C stops)\n`)
  if (options.open) openBrowser(server.url)
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve()
    signal.addEventListener('abort', () => resolve(), { once: true })
  })
  process.stdout.write('Stopping.\n')
  await server.close()
}

/** A time-out says nothing by its stack, and there may be thousands. */
function logLine({ requestId, method, path, status, error }: LogEntry): string {
  const why = error instanceof Error ? (status !== 504 && error.stack) || error.message : String(error)
  return `${method} ${path} ${status} ${requestId} ${why}`.trimEnd()
}

const TELL_EVERY_MS = 10_000

/** Says how many requests were refused, once in a while and not for each. */
function tellRefused(admission: Admission): Closable {
  let told = 0
  const timer = setInterval(() => {
    const refused = admission.refused - told
    told = admission.refused
    if (refused === 0) return
    process.stderr.write(
      `busy: refused ${formatCounted(refused, 'request')} in ${TELL_EVERY_MS / 1000} seconds, ${formatCount(admission.waiting)} wait. More --workers answer more, a longer --wait refuses fewer.\n`,
    )
  }, TELL_EVERY_MS)
  return { close: async () => clearInterval(timer) }
}

/** One core is for the thread that reads requests and writes answers. */
function defaultWorkers(): number {
  return Math.min(8, Math.max(1, availableParallelism() - 1))
}

/** The first run of each thread takes several times as long as any other: no client has to wait for it. */
async function warmUp(encoder: Encoder | undefined, workers: number): Promise<void> {
  await Promise.all(Array.from({ length: encoder ? workers : 0 }, () => encoder?.encodeQuery('warm up')))
}

/** One encoder for all indexes; `undefined` when none of them can be searched by text. */
async function sharedEncoder(
  searchers: readonly ServedIndex[],
  workers: number,
  model?: string,
): Promise<Encoder | undefined> {
  const [first, ...others] = searchers.filter(({ info }) => info.encoder)
  if (!first || model === 'none') return undefined
  const encoder = await openQueryEncoder(first.info, model, { workers })
  for (const { info } of others) if (info.encoder) assertSameEncoder(info.encoder, encoder.fingerprint)
  return encoder
}

/** Best effort: on a machine without a browser nothing happens, and the address is on the screen. */
function openBrowser(url: string): void {
  const command = { darwin: 'open', win32: 'explorer' }[process.platform as string] ?? 'xdg-open'
  spawn(command, [url], { stdio: 'ignore', detached: true })
    .on('error', () => undefined)
    .unref()
}
