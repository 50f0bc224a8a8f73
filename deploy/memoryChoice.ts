/** How much memory of a host an index gets, and by which pipeline it is then searched: as `openIndexFiles` decides it. */
import { InputError } from '../format/errors.ts'
import type { Manifest } from '../format/manifest/manifest.ts'
import { rangeNeed, residentNeed } from '../runtime/searchers/memoryNeed.ts'
import { choosePipeline, type Pipeline } from '../runtime/searchers/openIndexFiles.ts'
import { RANGE_DEFAULTS } from '../runtime/searchers/rangeSearcher.ts'
import { coldStart } from './coldStart.ts'
import { HOSTS, type HostName } from './hosts.ts'

/** A WebAssembly memory is no larger, whatever the host has. */
const WASM_BYTES_MAX = 2 ** 32
/** More memory is not worth its price when the first answer takes longer than that because of all there is to load. */
const COLD_START_MAX_MS = 10_000

export interface ChosenMemory {
  readonly hostMb: number
  /** Bytes left for the index. */
  readonly memoryMax: number
  /** Absent with `problem` only. */
  readonly needed?: number
  readonly pipeline?: Pipeline
  /** What a query may then read, by range. */
  readonly bytesMax?: number
  readonly pipelineForced?: boolean
  /** Why no pipeline fits. */
  readonly problem?: string
}

/**
 * The smallest memory that holds all of the index, unless that takes too long to load; else the smallest that holds its tables.
 *
 * @throws InputError when `memoryMb` is given and the host does not have it, or nothing of it is left for an index
 */
export function chooseMemory(
  host: HostName,
  manifest: Manifest,
  { encoder, memoryMb }: { readonly encoder: boolean; readonly memoryMb?: number | undefined },
): ChosenMemory {
  const { memoryMb: sizes, reservedMb, encoderMb } = HOSTS[host]
  const largest = sizes.at(-1) ?? 0
  const reserved = reservedMb + (encoder ? encoderMb : 0)
  if (memoryMb !== undefined && !(memoryMb > reserved && memoryMb <= largest)) {
    throw new InputError(
      `${host} with ${memoryMb} MB of memory: expected more than the ${reserved} MB that the program itself takes, and at most the ${largest} MB that there are. Choose another --memory.`,
      { memoryMb, reservedMb: reserved, largestMb: largest },
    )
  }
  const resident = residentNeed(manifest)
  // Beyond what one WebAssembly memory holds, the host's own memory does not help.
  const isTooLarge = resident.wasmBytes > WASM_BYTES_MAX
  const tried = (memoryMb === undefined ? sizes : [memoryMb]).map((hostMb): ChosenMemory => {
    const memoryMax = (hostMb - reserved) * 1e6
    try {
      const asked = isTooLarge ? ({ pipeline: 'range' } as const) : {}
      const choice = choosePipeline(manifest, { memoryMax, ...asked })
      const { pipeline } = choice
      if (pipeline === 'resident') return { hostMb, memoryMax, needed: resident.totalBytes, pipeline }
      const { bytesMax = RANGE_DEFAULTS.bytesMax } = choice.limits
      const needed = rangeBytes(manifest, bytesMax)
      const pipelineForced = resident.totalBytes <= memoryMax
      return { hostMb, memoryMax, needed, pipeline, bytesMax, ...(pipelineForced ? { pipelineForced } : {}) }
    } catch (error) {
      if (!(error instanceof InputError)) throw error
      return { hostMb, memoryMax, problem: tooSmall(error, { hostMb, memoryMax, canChoose: sizes.length > 1 }) }
    }
  })
  const loads = coldStart(host, manifest, { pipeline: 'resident', encoder: false, scriptBytes: 0 })
  const whole = loads.totalMs <= COLD_START_MAX_MS ? tried.find(({ pipeline }) => pipeline === 'resident') : undefined
  const best = whole ?? tried.find(({ pipeline }) => pipeline) ?? tried.at(-1)
  if (!best) throw new Error(`the host ${host} has no size of memory`)
  return best
}

/** While it is opened, or tables and what one query has read. */
function rangeBytes(manifest: Manifest, bytesMax: number): number {
  const { wasmBytes, arrayBytes, sharedBytes, totalBytes } = rangeNeed(manifest, bytesMax)
  return Math.max(totalBytes, wasmBytes + arrayBytes + sharedBytes + bytesMax)
}

function tooSmall(
  { detail }: InputError,
  {
    hostMb,
    memoryMax,
    canChoose,
  }: { readonly hostMb: number; readonly memoryMax: number; readonly canChoose: boolean },
): string {
  const mb = (bytes: number) => `${Math.ceil(bytes / 1e6).toLocaleString('en-US')} MB`
  const cure = canChoose ? 'Give it more memory, or build' : 'Build'
  return `even by range the index needs ${mb(Number(detail.bytes))} of memory, of ${hostMb} MB it can have ${mb(memoryMax)}. ${cure} with fewer centroids or shorter ids, or split the corpus.`
}
