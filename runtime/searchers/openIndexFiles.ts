/** Opens an index by the pipeline that fits: resident where all of it fits the memory, by range where only its tables do. */
import { InputError } from '../../format/errors.ts'
import { readIndex } from '../../format/indexReader.ts'
import type { Manifest } from '../../format/manifest/manifest.ts'
import type { IndexFiles } from '../../format/rangeReader.ts'
import { createChecksum } from '../kernels/checksum.ts'
import { instantiateKernels } from '../kernels/kernels.ts'
import type { Searcher } from '../searcher.ts'
import { rangeNeed, residentNeed } from './memoryNeed.ts'
import { openRangeReader, RANGE_DEFAULTS, type RangeOptions } from './rangeSearcher.ts'
import { openResident } from './residentSearcher.ts'

export type Pipeline = 'resident' | 'range'

export interface OpenIndexFilesOptions extends RangeOptions {
  /** kernels.wasm, compiled: hosts differ in how they get it, so the platform entry brings it. */
  readonly kernels: WebAssembly.Module
  /** Default 'auto': resident when that fits memoryMax. Resident reads the whole index when it is opened. */
  readonly pipeline?: Pipeline | 'auto'
  /** Bytes of memory that the searcher may take, opening included. Default 96 MB, which suits a Worker of 128 MB. */
  readonly memoryMax?: number
}

/** A searcher that holds memory and files until it is closed. */
export interface OpenedIndex extends Searcher {
  readonly pipeline: Pipeline
  /** Bytes of WebAssembly memory now. */
  readonly memoryBytes: number
  close(): Promise<void>
}

export const MEMORY_MAX_DEFAULT = 96_000_000
const BYTES_MAX_CHOICES = [1, 2, 4].map((part) => RANGE_DEFAULTS.bytesMax / part)
/** Of what tables leave of the memory, the share that queries may hold while they wait; the cache gets what then is left. */
const QUERIES_SHARE = 0.5

/**
 * @throws InputError when the pipeline asked for, or any, does not fit memoryMax: known from the manifest, before loading
 * @throws FormatError, ChecksumError, VersionError, NotFoundError (no manifest, a part missing), StorageError
 */
export async function openIndexFiles(files: IndexFiles, options: OpenIndexFilesOptions): Promise<OpenedIndex> {
  const kernels = await instantiateKernels(options.kernels)
  const reader = await readIndex(files, { crc32c: createChecksum(kernels) })
  let choice: ReturnType<typeof choosePipeline>
  try {
    choice = choosePipeline(reader.manifest, options)
  } catch (error) {
    await reader.close()
    throw error
  }
  return choice.pipeline === 'resident'
    ? openResident(reader, kernels)
    : openRangeReader(reader, kernels, { ...options, ...choice.limits })
}

/** @throws InputError when the pipeline asked for, or any, does not fit */
export function choosePipeline(
  manifest: Manifest,
  { memoryMax = MEMORY_MAX_DEFAULT, pipeline = 'auto', ...options }: Omit<OpenIndexFilesOptions, 'kernels'>,
): { readonly pipeline: 'resident' } | { readonly pipeline: 'range'; readonly limits: RangeOptions } {
  if (!['auto', 'resident', 'range'].includes(pipeline)) {
    throw new InputError(`opening an index: expected the pipeline auto, resident or range, got "${pipeline}".`)
  }
  if (!(Number.isFinite(memoryMax) && memoryMax > 0)) {
    throw new InputError(`opening an index: expected memoryMax to be a number of bytes above 0, got ${memoryMax}.`)
  }
  const resident = residentNeed(manifest).totalBytes
  const fits = resident <= memoryMax
  if (pipeline === 'resident' && !fits) throw tooLarge('resident', resident, memoryMax)
  if (pipeline === 'resident' || (pipeline === 'auto' && fits)) return { pipeline: 'resident' }
  // Scratch follows from what a query may read: where memory is short it may read less, unless the caller said how much.
  const choices = options.bytesMax === undefined ? BYTES_MAX_CHOICES : [options.bytesMax]
  const needs = choices.map((bytesMax) => {
    const { wasmBytes, arrayBytes, sharedBytes, totalBytes } = rangeNeed(manifest, bytesMax)
    const tables = wasmBytes + arrayBytes + sharedBytes
    return { bytesMax, tables, least: Math.max(totalBytes, tables + bytesMax) }
  })
  const need = needs.find(({ least }) => least <= memoryMax)
  if (!need) throw tooLarge('range', needs.at(-1)?.least ?? 0, memoryMax)
  const { bytesMax, tables } = need
  const left = memoryMax - tables
  const queriesBytesMax =
    options.queriesBytesMax ?? Math.floor(Math.min(RANGE_DEFAULTS.queriesBytesMax, left * QUERIES_SHARE))
  const cacheBytes = options.cacheBytes ?? Math.max(0, Math.floor(left - queriesBytesMax))
  return { pipeline: 'range', limits: { bytesMax, queriesBytesMax, cacheBytes } }
}

function tooLarge(pipeline: Pipeline, bytes: number, memoryMax: number): InputError {
  const cure =
    pipeline === 'resident'
      ? 'Use the range pipeline, or raise memoryMax if the host has more.'
      : 'Raise memoryMax if the host has more, lower bytesMax, or build with fewer centroids.'
  return new InputError(
    `opening the index with the ${pipeline} pipeline: it needs ${bytes} bytes of memory, memoryMax is ${memoryMax}. ${cure}`,
    { bytes, memoryMax },
  )
}
