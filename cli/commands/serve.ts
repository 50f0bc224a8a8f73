/** `tartan serve`: search page and HTTP API over one or more indexes. */
import { spawn } from 'node:child_process'
import { Command, Option } from 'commander'
import pc from 'picocolors'
import type { Encoder } from '../../encoder/encoder.ts'
import { assertSameEncoder } from '../../encoder/fingerprint.ts'
import { InputError, TartanError } from '../../format/errors.ts'
import type { TierName } from '../../format/manifest/tiers.ts'
import { openIndex } from '../../runtime/platform/node/nodeIndex.ts'
import { openPool } from '../../runtime/platform/node/nodePool.ts'
import { openQueryEncoder } from '../../runtime/platform/node/queryEncoder.ts'
import { serveIndexes } from '../../runtime/platform/node.ts'
import type { Searcher } from '../../runtime/searcher.ts'
import type { OpenedIndex } from '../../runtime/searchers/indexSearcher.ts'
import type { PipelineName } from '../../runtime/searchers/pipeline.ts'
import { integer, pipelineOption, tierOption } from '../options.ts'
import { formatBytes, formatCounted } from '../terminal.ts'

interface Options {
  readonly port: number
  readonly host: string
  readonly workers: number
  readonly model?: string
  readonly tier?: TierName
  readonly pipeline?: PipelineName
  readonly origin?: readonly string[]
  readonly open?: boolean
  readonly refresh: number
}

export function serveCommand(signal: AbortSignal): Command {
  return new Command('serve')
    .description('Serve a search page and the HTTP API over one or more indexes, until Ctrl-C.')
    .argument('<index...>', 'index folders or packs, or their addresses: https://…, s3://bucket/prefix')
    .addOption(new Option('-p, --port <n>', 'port; 0 picks a free one').argParser(integer(0, 65_535)).default(8080))
    .option('--host <host>', 'address to listen on; 0.0.0.0 for all', '127.0.0.1')
    .addOption(
      new Option(
        '-w, --workers <n>',
        'threads that search each index; they share its memory, and a query takes a few MB in each',
      )
        .argParser(integer(1, 256))
        .default(1),
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
  tartan serve corpus.tartan --workers 4
  tartan serve s3://my-bucket/corpus.tartan --pipeline range`,
    )
    .action((indexes: string[], options: Options) => serveUntilStopped(indexes, options, signal))
}

type ServedIndex = Searcher & Pick<OpenedIndex, 'close'>

/** Looks for new generations, so that no query has to. A failure is told, and what is served stays. */
function refreshEvery(seconds: number, searchers: ReadonlyMap<string, ServedIndex>): Closable {
  if (seconds === 0) return { close: async () => {} }
  const told = new Map<string, string>()
  const look = async (name: string, searcher: ServedIndex) => {
    try {
      const isNew = await searcher.refresh()
      told.delete(name)
      if (!isNew) return
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
  const { workers, pipeline = 'auto', tier } = options
  if (pipeline === 'range' && (workers > 1 || tier)) {
    throw new InputError(
      workers > 1
        ? '--workers is for indexes in memory: a query by range waits for storage, not for a core. Leave one of the two out.'
        : 'tiers are settings of the resident pipeline: leave --tier or --pipeline range out.',
    )
  }
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
    return workers > 1 ? await openPool(path, { workers }) : await openIndex(path, { pipeline })
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
  const encoder = await sharedEncoder([...searchers.values()], options.model)
  if (encoder) opened.push(encoder)
  opened.push(refreshEvery(options.refresh, searchers))
  const server = await serveIndexes({
    indexes: searchers,
    encoder,
    port: options.port,
    host: options.host,
    ...(tier ? { tier } : {}),
    ...(options.origin ? { origins: options.origin } : {}),
    log: ({ requestId, method, path, status, error }) =>
      process.stderr.write(
        `${method} ${path} ${status} ${requestId} ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
      ),
  })
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

/** One encoder for all indexes; `undefined` when none of them can be searched by text. */
async function sharedEncoder(searchers: readonly ServedIndex[], model?: string): Promise<Encoder | undefined> {
  const [first, ...others] = searchers.filter(({ info }) => info.encoder)
  if (!first || model === 'none') return undefined
  const encoder = await openQueryEncoder(first.info, model)
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
