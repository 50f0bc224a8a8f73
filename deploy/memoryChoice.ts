/** How much memory of a host an index gets, and by which pipeline it is then searched: as `openIndexFiles` decides it. */
import { InputError } from '../format/errors.ts'
import type { Manifest } from '../format/manifest/manifest.ts'
import { defaultBudget } from '../runtime/search/range/rangeParameters.ts'
import type { Budget } from '../runtime/searcher.ts'
import { residentNeed } from '../runtime/searchers/memoryNeed.ts'
import { choosePipeline } from '../runtime/searchers/openIndexFiles.ts'
import type { PipelineName } from '../runtime/searchers/pipeline.ts'
import { coldStart } from './coldStart.ts'
import { HOSTS, type HostName } from './hosts.ts'

/** A WebAssembly memory is no larger, whatever the host has. */
const WASM_BYTES_MAX = 2 ** 32
/** More memory is not worth its price when the first answer takes longer than that because of all there is to load. */
const COLD_START_MAX_MS = 10_000

/** A size of the host's memory. */
interface Size {
  readonly hostMb: number
  /** Bytes left for the index. */
  readonly memoryMax: number
}

/** A size that the index fits. */
export interface FittingMemory extends Size {
  readonly needed: number
  readonly pipeline: PipelineName
  /** What a query may then read, by range. */
  readonly budget: Budget
  /** Whether `openIndexFiles` would choose another pipeline, so that it has to be told. */
  readonly pipelineForced: boolean
}

export interface LackingMemory extends Size {
  readonly pipeline?: undefined
  /** Why no pipeline fits. */
  readonly problem: string
}

export type MemoryChoice = FittingMemory | LackingMemory

/**
 * The smallest memory that holds all of the index, unless that takes too long to load; else the smallest that holds its tables.
 *
 * @throws InputError when `memoryMb` is given and the host does not have it, or nothing of it is left for an index
 */
export function chooseMemory(
  host: HostName,
  manifest: Manifest,
  { encoder, memoryMb }: { readonly encoder: boolean; readonly memoryMb?: number | undefined },
): MemoryChoice {
  const { memoryMb: sizes, reservedMb, encoderMb } = HOSTS[host]
  const largest = sizes.at(-1) ?? 0
  const reserved = reservedMb + (encoder ? encoderMb : 0)
  if (memoryMb !== undefined && !(memoryMb > reserved && memoryMb <= largest)) {
    throw new InputError(
      `${host} with ${memoryMb} MB of memory: expected more than the ${reserved} MB that the program itself takes, and at most the ${largest} MB that there are. Choose another --memory.`,
      { memoryMb, reservedMb: reserved, largestMb: largest },
    )
  }
  const tried = (memoryMb === undefined ? sizes : [memoryMb]).map((hostMb) =>
    tryMemory(manifest, { hostMb, memoryMax: (hostMb - reserved) * 1e6 }, (bytes) =>
      curesOf({ hostMb, largest, encoder, missing: bytes - (hostMb - reservedMb) * 1e6 }),
    ),
  )
  const loads = coldStart(host, manifest, { pipeline: 'resident', encoder: false, scriptBytes: 0 })
  const whole = loads.totalMs <= COLD_START_MAX_MS ? tried.find(({ pipeline }) => pipeline === 'resident') : undefined
  const best = whole ?? tried.find(({ pipeline }) => pipeline) ?? tried.at(-1)
  if (!best) throw new Error(`the host ${host} has no size of memory`)
  return best
}

function tryMemory(manifest: Manifest, size: Size, cureOf: (needed: number) => string): MemoryChoice {
  const { hostMb, memoryMax } = size
  const resident = residentNeed(manifest)
  // Beyond what one WebAssembly memory holds, the host's own memory does not help.
  const isTooLarge = resident.wasmBytes > WASM_BYTES_MAX
  try {
    const choice = choosePipeline(manifest, { memoryMax, ...(isTooLarge ? { pipeline: 'range' } : {}) })
    return {
      ...size,
      needed: choice.needBytes,
      pipeline: choice.pipeline,
      budget: {
        ...defaultBudget(manifest.segments.length),
        ...(choice.pipeline === 'range' ? choice.limits.budget : {}),
      },
      pipelineForced: choice.pipeline === 'range' && resident.totalBytes <= memoryMax,
    }
  } catch (error) {
    if (!(error instanceof InputError)) throw error
    const needed = Number(error.detail.bytes)
    return {
      ...size,
      problem: `even by range the index needs ${mb(needed)} of memory, of ${hostMb.toLocaleString('en-US')} MB it can have ${mb(memoryMax)}. ${cureOf(needed)}`,
    }
  }
}

interface Lack {
  readonly hostMb: number
  /** The most that the host gives. */
  readonly largest: number
  readonly encoder: boolean
  /** Bytes that the index lacks when no encoder is there. */
  readonly missing: number
}

/** What can be done: the number of centroids cannot be chosen, it follows from that of the tokens. */
function curesOf({ hostMb, largest, encoder, missing }: Lack): string {
  const cures = [
    ...(hostMb < largest ? ['give it more with --memory'] : []),
    ...(encoder && missing <= 0 ? ['encode elsewhere and leave --encoder out'] : []),
    'choose a host that has more',
    'build indexes of parts of the corpus',
  ]
  const text = `${cures.slice(0, -1).join(', ')}, or ${cures.at(-1)}.`
  return text.charAt(0).toUpperCase() + text.slice(1)
}

function mb(bytes: number): string {
  return `${Math.ceil(bytes / 1e6).toLocaleString('en-US')} MB`
}
