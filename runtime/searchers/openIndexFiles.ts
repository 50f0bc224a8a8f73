/** Opens an index by the pipeline that fits: resident where all of it fits the memory, by range where only its tables do. */
import { InputError } from '../../format/errors.ts'
import { type IndexReader, readIndex } from '../../format/indexReader.ts'
import { MANIFEST_NAME, type Manifest } from '../../format/manifest/manifest.ts'
import type { IndexFiles } from '../../format/rangeReader.ts'
import { createChecksum } from '../kernels/checksum.ts'
import { instantiateKernels, type Kernels } from '../kernels/kernels.ts'
import { type Names, requireKnownOptions } from '../knownOptions.ts'
import { IndexSearcher, type OpenedIndex } from './indexSearcher.ts'
import { rangeNeed, residentNeed } from './memoryNeed.ts'
import type { Pipeline, PipelineName } from './pipeline.ts'
import { openRange, RANGE_DEFAULTS, type RangeOptions, rangeSettings } from './rangePipeline.ts'
import { openResident, type ResidentOptions } from './residentPipeline.ts'

export interface OpenIndexFilesOptions extends RangeOptions {
  /** kernels.wasm, compiled: hosts differ in how they get it, so the platform entry brings it. */
  readonly kernels: WebAssembly.Module
  /** Default 'auto': resident when that fits memoryMax. Resident reads the whole index when it is opened. */
  readonly pipeline?: PipelineName | 'auto'
  /** Bytes of memory that the searcher may take, opening included. Default 96 MB, which suits a Worker of 128 MB. */
  readonly memoryMax?: number
  /**
   * How often storage is asked, at most, whether the index was replaced: by a query that begins when so many milliseconds have passed.
   * Default: only `refresh()` asks, and a query that finds a part missing.
   */
  readonly refreshMs?: number | undefined
  /** Search a resident index. Default: this thread does. */
  readonly threads?: ResidentThreads | undefined
}

const OPTIONS: Names<OpenIndexFilesOptions> = {
  ...{ kernels: true, pipeline: true, memoryMax: true, refreshMs: true, threads: true },
  ...{ concurrency: true, budget: true, cacheBytes: true, queriesBytesMax: true },
}

export interface OpenOptions extends ResidentOptions {
  /** kernels.wasm, compiled. */
  readonly kernels: WebAssembly.Module
  /** Where an index goes, asked for each generation. Default: a new memory. */
  readonly memory?: () => WebAssembly.Memory
  readonly refreshMs?: number | undefined
}

/** Who searches an index in memory, when this thread should not: each generation gets a memory, and threads over it. */
export type ResidentThreads = Required<Omit<OpenOptions, 'refreshMs'>>

export const MEMORY_MAX_DEFAULT = 96_000_000
/** Of what tables leave of the memory, the share that queries may hold while they wait; the cache gets what then is left. */
const QUERIES_SHARE = 0.5

/**
 * @param files - closed when opening fails, else with the searcher
 * @throws InputError when the pipeline asked for, or any, does not fit memoryMax: known from the manifest, before loading
 * @throws FormatError, ChecksumError, VersionError, NotFoundError (no manifest), MissingPartError, StorageError
 */
export async function openIndexFiles(files: IndexFiles, options: OpenIndexFilesOptions): Promise<OpenedIndex> {
  requireKnownOptions<OpenIndexFilesOptions>('opening an index', options, OPTIONS)
  const choices = new WeakMap<Pipeline, PipelineChoice>()
  return openGenerations(files, options, {
    memory: undefined,
    async open(reader, kernels, current) {
      const before = current && choices.get(current)
      // While both generations are there they share the memory. What the old one keeps for later queries it needs no more.
      if (before) current.limit(NOTHING_KEPT)
      try {
        const choice = before
          ? chooseBeside(reader.manifest, options, before)
          : choosePipeline(reader.manifest, options)
        const opened =
          choice.pipeline === 'resident'
            ? await openInMemory(reader, kernels, options.threads)
            : await openRange(reader, kernels, { ...options, ...choice.limits })
        choices.set(opened, choice)
        return opened
      } catch (error) {
        if (before?.pipeline === 'range') current?.limit(before.limits)
        throw error
      }
    },
  })
}

async function openInMemory(reader: IndexReader, kernels: Kernels, threads?: ResidentThreads): Promise<Pipeline> {
  if (!threads) return openResident(reader, kernels)
  const shared = await instantiateKernels(threads.kernels, { memory: threads.memory() })
  return openResident(reader, shared, threads)
}

const NOTHING_KEPT = { cacheBytes: 0, queriesBytesMax: 0 }

/** @throws InputError when what the generation before takes leaves no room for any pipeline */
function chooseBeside(
  manifest: Manifest,
  options: OpenIndexFilesOptions,
  { needBytes }: PipelineChoice,
): PipelineChoice {
  const { memoryMax = MEMORY_MAX_DEFAULT } = options
  try {
    return choosePipeline(manifest, { ...options, memoryMax: Math.max(1, memoryMax - needBytes) })
  } catch (error) {
    if (!(error instanceof InputError)) throw error
    throw new InputError(
      `a new generation of the index does not fit beside the old one, which takes ${needBytes} of ${memoryMax} bytes until its last query has ended: raise memoryMax, or open the index anew.`,
      { needBytes, memoryMax },
      { cause: error },
    )
  }
}

/**
 * The resident pipeline, whatever memory it takes.
 * @throws as openIndexFiles
 */
export async function openSearcher(files: IndexFiles, options: OpenOptions): Promise<OpenedIndex> {
  return openGenerations(files, options, {
    memory: options.memory,
    open: (reader, kernels) => openResident(reader, kernels, options),
  })
}

interface Opener {
  readonly memory: (() => WebAssembly.Memory) | undefined
  readonly open: (reader: IndexReader, kernels: Kernels, current?: Pipeline) => Promise<Pipeline>
}

async function openGenerations(
  files: IndexFiles,
  options: { readonly kernels: WebAssembly.Module; readonly refreshMs?: number | undefined },
  opener: Opener,
): Promise<OpenedIndex> {
  // Readers come and go with generations; the files are closed with the searcher.
  const kept: IndexFiles = { key: files.key, open: (name, size) => files.open(name, size) }
  const openOne = async (current?: Pipeline): Promise<Pipeline | undefined> => {
    const memory = opener.memory?.()
    const kernels = await instantiateKernels(options.kernels, memory ? { memory } : {})
    const reader = await readIndex(kept, { crc32c: createChecksum(kernels) })
    // Not by its number: an index that was built anew is the first generation again.
    return reader.revision === current?.info.revision ? undefined : opener.open(reader, kernels, current)
  }
  try {
    // Of the manifest, known from the first look on: to ask when opening would be a request for nothing.
    let version: string | undefined
    const first = await openOne()
    if (!first) throw new RangeError('an index that is opened first has nothing to be compared with')
    const openNewer = async (current: Pipeline, isPartMissing: boolean) => {
      const now = await files.version?.(MANIFEST_NAME)
      if (now !== undefined && now === version && !isPartMissing) return undefined
      const newer = await openOne(current)
      version = now
      return newer
    }
    return new IndexSearcher({ first, files, openNewer, refreshMs: options.refreshMs })
  } catch (error) {
    await files.close?.()
    throw error
  }
}

/** `needBytes`: what it takes at least, a query included. */
export type PipelineChoice =
  | { readonly pipeline: 'resident'; readonly needBytes: number }
  | { readonly pipeline: 'range'; readonly needBytes: number; readonly limits: RangeLimits }

/** What memory decides of how an index is read by range. */
type RangeLimits = Required<Pick<RangeOptions, 'budget' | 'queriesBytesMax' | 'cacheBytes'>>

/** @throws InputError when the pipeline asked for, or any, does not fit */
export function choosePipeline(
  manifest: Manifest,
  { memoryMax = MEMORY_MAX_DEFAULT, pipeline = 'auto', ...options }: Omit<OpenIndexFilesOptions, 'kernels'>,
): PipelineChoice {
  if (!['auto', 'resident', 'range'].includes(pipeline)) {
    throw new InputError(`opening an index: expected the pipeline auto, resident or range, got "${pipeline}".`)
  }
  if (!(Number.isFinite(memoryMax) && memoryMax > 0)) {
    throw new InputError(`opening an index: expected memoryMax to be a number of bytes above 0, got ${memoryMax}.`)
  }
  const resident = residentNeed(manifest).totalBytes
  const fits = resident <= memoryMax
  if (pipeline === 'resident' && !fits) throw tooLarge('resident', resident, memoryMax)
  if (pipeline === 'resident' || (pipeline === 'auto' && fits)) return { pipeline: 'resident', needBytes: resident }
  return { pipeline: 'range', ...rangeChoice(manifest, memoryMax, options) }
}

/** Scratch follows from what a query may read: where memory is short it may read less, unless the caller said how much. */
function rangeChoice(manifest: Manifest, memoryMax: number, options: RangeOptions) {
  const { budget } = rangeSettings(options, manifest.segments.length)
  const choices = options.budget?.bytes === undefined ? [1, 2, 4].map((part) => budget.bytes / part) : [budget.bytes]
  const needs = choices.map((bytes) => {
    const { wasmBytes, arrayBytes, sharedBytes, totalBytes } = rangeNeed(manifest, bytes)
    const tables = wasmBytes + arrayBytes + sharedBytes
    return { bytes, tables, needBytes: Math.max(totalBytes, tables + bytes) }
  })
  const need = needs.find(({ needBytes }) => needBytes <= memoryMax)
  if (!need) throw tooLarge('range', needs.at(-1)?.needBytes ?? 0, memoryMax)
  const { bytes, tables, needBytes } = need
  const left = memoryMax - tables
  const queriesBytesMax =
    options.queriesBytesMax ?? Math.floor(Math.min(RANGE_DEFAULTS.queriesBytesMax, left * QUERIES_SHARE))
  const cacheBytes = options.cacheBytes ?? Math.max(0, Math.floor(left - queriesBytesMax))
  return { needBytes, limits: { budget: { ...budget, bytes }, queriesBytesMax, cacheBytes } }
}

function tooLarge(pipeline: PipelineName, bytes: number, memoryMax: number): InputError {
  const cure =
    pipeline === 'resident'
      ? 'Use the range pipeline, or raise memoryMax if the host has more.'
      : 'Raise memoryMax if the host has more, or lower budget.bytes.'
  return new InputError(
    `opening the index with the ${pipeline} pipeline: it needs ${bytes} bytes of memory, memoryMax is ${memoryMax}. ${cure}`,
    { bytes, memoryMax },
  )
}
