/** For each host: whether an index fits, how it would be searched there, and what that costs. Pure: the manifest is all that is looked at. */
import { InputError } from '../../format/errors.ts'
import { READ_AHEAD } from '../../format/indexReader.ts'
import type { Manifest } from '../../format/manifest.ts'
import { rangeNeed, residentNeed } from '../../runtime/memoryNeed.ts'
import { choosePipeline, type Pipeline } from '../../runtime/openIndexFiles.ts'
import { RANGE_DEFAULTS } from '../../runtime/rangeSearcher.ts'
import { FIGURES, HOST_NAMES, HOSTS, type HostFacts, type HostName, type Line } from './hosts.ts'
import { notesOf } from './notes.ts'
import { openingReads, type QueryReads, queryReads, type Reads } from './reads.ts'

export interface DeployPlanOptions {
  /** Default: all. */
  readonly hosts?: readonly HostName[]
  /** Whether texts are encoded on the host itself, which takes memory, script and time. Default false: queries come as vectors, or by a remote encoder. */
  readonly encoder?: boolean
  /** MB (10^6 bytes) the host has, instead of its usual: less than that, or another size of those that can be chosen. Needs exactly one host. */
  readonly memoryMb?: number
}

export interface DeployPlan {
  readonly index: {
    readonly name: string
    /** Model that it was built with; absent when it was built from vectors of no name. */
    readonly encoder?: string
    readonly passages: number
    /** Parts and manifest. */
    readonly files: number
    readonly bytes: number
    readonly largestPartBytes: number
  }
  readonly encoder: boolean
  readonly hosts: readonly HostPlan[]
}

export interface HostPlan {
  readonly host: HostName
  readonly title: string
  /** Whether it can be deployed there as it is: no `problems`. */
  readonly fits: boolean
  /** What stands in the way, each with its cure. */
  readonly problems: readonly string[]
  /** What to know before one decides. */
  readonly notes: readonly string[]
  /** The lowest plan that suffices, where the host's limits depend on it. CPU time is not among them: see `notes`. */
  readonly plan?: 'free' | 'paid'
  readonly memory: {
    /** MB (10^6 bytes) of the host; the smallest that fits, where sizes can be chosen. */
    readonly hostMb: number
    /** Bytes of these that are left for the index: `memoryMax` of `openIndexFiles`. */
    readonly memoryMax: number
    /** Bytes that the index takes by the pipeline chosen; absent when none fits. */
    readonly needed?: number
  }
  /** Gzipped. */
  readonly scriptBytes: number
  /** These five only when a pipeline fits the memory. */
  readonly pipeline?: Pipeline
  /** Whether `openIndexFiles` would choose another one, so that it has to be told. */
  readonly pipelineForced?: boolean
  readonly opening?: Reads
  readonly query?: QueryReads
  readonly coldStart?: ColdStart
}

/** From a process that has started to its first answer. An estimate over an assumed line. */
export interface ColdStart {
  readonly totalMs: number
  readonly networkMs: number
  /** Reading and checking, first search; measured in Node. */
  readonly computeMs: number
  /** The model's files and start; 0 when texts are not encoded here. */
  readonly encoderMs: number
  readonly assumed: Line
}

/** A WebAssembly memory is no larger, whatever the host has. */
const WASM_BYTES_MAX = 2 ** 32

/**
 * @throws InputError when an encoder is asked for that the index does not name, or memory that the host has not
 */
export function deployPlan(manifest: Manifest, options: DeployPlanOptions = {}): DeployPlan {
  const { hosts = HOST_NAMES, encoder = false, memoryMb } = options
  if (manifest.segments.length === 0) throw new InputError(`the index "${manifest.name}" has no passages to search.`)
  if (encoder && !manifest.encoder) {
    throw new InputError(
      `the index "${manifest.name}" does not name the encoder that it was built with, so no host can encode texts for it. Leave --encoder out and search with vectors, or build it from texts.`,
    )
  }
  if (memoryMb !== undefined && hosts.length !== 1) {
    throw new InputError('memory was given for several hosts at once: name one with --host.', { memoryMb })
  }
  const parts = manifest.parts.map(({ bytes }) => bytes)
  return {
    index: {
      name: manifest.name,
      ...(manifest.encoder ? { encoder: manifest.encoder.model } : {}),
      passages: manifest.segments.reduce((sum, { passages }) => sum + passages, 0),
      files: parts.length + 1,
      bytes: parts.reduce((sum, bytes) => sum + bytes, 0),
      largestPartBytes: Math.max(0, ...parts),
    },
    encoder,
    hosts: hosts.map((host) => planHost(host, manifest, { encoder, memoryMb })),
  }
}

type Asked = Pick<DeployPlanOptions, 'memoryMb'> & { readonly encoder: boolean }

function planHost(host: HostName, manifest: Manifest, asked: Asked): HostPlan {
  const facts = HOSTS[host]
  const memory = chooseMemory(host, manifest, asked)
  const scriptBytes = FIGURES.scriptBytes + (asked.encoder && host !== 'node-server' ? FIGURES.ortScriptBytes : 0)
  const { pipeline, pipelineForced } = memory
  const opening = pipeline && openingReads(manifest, pipeline, facts)
  const query = pipeline && queryReads(manifest, pipeline, facts)
  const found = limitsOf(facts, manifest, scriptBytes)
  const problems = [memory.problem, wholeFilesProblem(facts, manifest, memory)].filter((text) => text !== undefined)
  problems.push(...found.problems)
  const chosen =
    pipeline && opening && query
      ? {
          pipeline,
          opening,
          query,
          coldStart: coldStart(facts, { pipeline, opening, query, ...asked, host, scriptBytes }),
        }
      : undefined
  const { hostMb, memoryMax, needed } = memory
  return {
    host,
    title: facts.title,
    fits: problems.length === 0,
    problems,
    notes: [
      ...found.notes,
      ...(chosen ? notesOf(host, { ...chosen, ...asked, manifest, hostMb: memory.hostMb, scriptBytes }) : []),
    ],
    ...(found.plan ? { plan: found.plan } : {}),
    memory: { hostMb, memoryMax, ...(needed === undefined ? {} : { needed }) },
    scriptBytes,
    ...chosen,
    ...(pipelineForced ? { pipelineForced } : {}),
  }
}

interface ChosenMemory {
  readonly hostMb: number
  readonly memoryMax: number
  readonly needed?: number
  readonly pipeline?: Pipeline
  readonly pipelineForced?: boolean
  readonly problem?: string
}

/** The smallest memory that holds all of the index, else the smallest that holds its tables. */
function chooseMemory(host: HostName, manifest: Manifest, { encoder, memoryMb }: Asked): ChosenMemory {
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
  const pipelineForced = resident.wasmBytes > WASM_BYTES_MAX
  const tried = (memoryMb === undefined ? sizes : [memoryMb]).map((hostMb): ChosenMemory => {
    const memoryMax = (hostMb - reserved) * 1e6
    try {
      const asked = pipelineForced ? ({ pipeline: 'range' } as const) : {}
      const { pipeline } = choosePipeline(manifest, { memoryMax, ...asked })
      const need = pipeline === 'resident' ? resident : rangeNeed(manifest, RANGE_DEFAULTS.bytesMax)
      return { hostMb, memoryMax, needed: need.totalBytes, pipeline, ...(pipelineForced ? { pipelineForced } : {}) }
    } catch (error) {
      if (!(error instanceof InputError)) throw error
      return { hostMb, memoryMax, problem: tooSmall(error, { hostMb, memoryMax, canChoose: sizes.length > 1 }) }
    }
  })
  const best =
    tried.find(({ pipeline }) => pipeline === 'resident') ?? tried.find(({ pipeline }) => pipeline) ?? tried.at(-1)
  if (!best) throw new Error(`the host ${host} has no size of memory`)
  return best
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

/** Whole parts that are under way lie in memory beside the index. */
function wholeFilesProblem({ wholeFiles }: HostFacts, manifest: Manifest, memory: ChosenMemory): string | undefined {
  if (!wholeFiles || memory.needed === undefined) return undefined
  const largest = Math.max(0, ...manifest.parts.map(({ bytes }) => bytes))
  const atATime = memory.pipeline === 'resident' ? READ_AHEAD : RANGE_DEFAULTS.concurrency
  const least = memory.needed + Math.min(manifest.parts.length, atATime) * largest
  if (least <= memory.hostMb * 1e6) return undefined
  return `each read brings a whole part of up to ${mib(largest)}, ${atATime} at a time: with the index more than the ${memory.hostMb} MB there are. Build it again with --part-size 1MiB.`
}

/** What of the limits that a host documents is passed, and the lowest plan that passes none. */
function limitsOf(facts: HostFacts, manifest: Manifest, scriptBytes: number) {
  const problems: string[] = []
  const notes: string[] = []
  const { fileBytesMax = Number.POSITIVE_INFINITY } = facts
  const parts = manifest.parts.map(({ bytes }) => bytes)
  const largest = Math.max(0, ...parts)
  if (largest > fileBytesMax) {
    problems.push(
      `its largest part has ${mib(largest)}, a file here at most ${mib(fileBytesMax)}. Build it again with --part-size 24MiB (the default).`,
    )
  }
  let needsPaid = false
  const against = (limit: HostFacts['filesMax'], value: number, what: (value: number) => string, cure: string) => {
    if (!limit) return
    if (value > limit.paid) problems.push(`${what(value)}, at most ${what(limit.paid)} are allowed. ${cure}`)
    else if (value > limit.free) {
      needsPaid = true
      notes.push(`${what(value)}: the free plan allows ${what(limit.free)}, the paid one ${what(limit.paid)}.`)
    }
  }
  const counted = (noun: string) => (value: number) => `${value.toLocaleString('en-US')} ${noun}`
  against(facts.filesMax, parts.length + 1, counted('files'), 'Build it again with a larger --part-size.')
  against(
    facts.scriptBytesMax,
    scriptBytes,
    (value) => `${(value / 1e6).toFixed(1)} MB of script`,
    'Leave --encoder out.',
  )
  const hasPlans = facts.filesMax ?? facts.scriptBytesMax
  return { problems, notes, plan: hasPlans ? (needsPaid ? ('paid' as const) : ('free' as const)) : undefined }
}

interface Started extends Asked, Required<Pick<HostPlan, 'pipeline' | 'opening' | 'query' | 'host' | 'scriptBytes'>> {}

function coldStart({ line, encoderColdMs }: HostFacts, started: Started): ColdStart {
  const { pipeline, opening, query, encoder, host, scriptBytes } = started
  const overLine = (bytes: number, roundTrips: number) =>
    (bytes / line.bytesPerSecond) * 1000 + roundTrips * line.roundTripMs
  // Only a browser fetches the script at that time.
  const script = host === 'browser' ? overLine(scriptBytes, 1) : 0
  const networkMs =
    script +
    overLine(opening.bytes, opening.roundTrips) +
    overLine(query.typical.bytes, query.typical.roundTrips) +
    overLine(query.texts.bytes, query.texts.roundTrips)
  const { start, perMegabyte } = pipeline === 'resident' ? FIGURES.residentMs : FIGURES.rangeMs
  const computeMs = start + (perMegabyte * opening.bytes) / 1e6
  const modelMs = host === 'node-server' ? 0 : overLine(FIGURES.modelBytes, FIGURES.modelRequests)
  const encoderMs = encoder ? modelMs + encoderColdMs : 0
  return {
    totalMs: Math.round(networkMs + computeMs + encoderMs),
    networkMs: Math.round(networkMs),
    computeMs: Math.round(computeMs),
    encoderMs: Math.round(encoderMs),
    assumed: line,
  }
}

function mib(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`
}
