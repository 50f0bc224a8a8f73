/** For each host: whether an index fits, how it would be searched there, and what that costs. Pure: the manifest is all that is looked at. */
import { InputError } from '../format/errors.ts'
import type { Manifest } from '../format/manifest/manifest.ts'
import type { Pipeline } from '../runtime/searchers/openIndexFiles.ts'
import { type ColdStart, coldStart } from './coldStart.ts'
import { HOST_NAMES, HOSTS, type HostName } from './hosts.ts'
import { checkLimits } from './limitCheck.ts'
import { chooseMemory } from './memoryChoice.ts'
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
  /** Gzipped, kernels included; absent where nothing is bundled. */
  readonly scriptBytes?: number
  /** These five only when a pipeline fits the memory. */
  readonly pipeline?: Pipeline
  /** Whether `openIndexFiles` would choose another one, so that it has to be told. */
  readonly pipelineForced?: boolean
  readonly opening?: Reads
  readonly query?: QueryReads
  readonly coldStart?: ColdStart
}

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

function planHost(
  host: HostName,
  manifest: Manifest,
  asked: { readonly encoder: boolean; readonly memoryMb?: number | undefined },
): HostPlan {
  const facts = HOSTS[host]
  const { script } = facts
  const scriptBytes = script && script.bytes + (asked.encoder ? script.encoderBytes : 0)
  const memory = chooseMemory(host, manifest, asked)
  const { hostMb, memoryMax, needed, pipeline, bytesMax, pipelineForced } = memory
  const limits = checkLimits(facts, manifest, { ...memory, ...(scriptBytes ? { scriptBytes } : {}) })
  const problems = [...(memory.problem ? [memory.problem] : []), ...limits.problems]
  const started = pipeline && { pipeline, encoder: asked.encoder, scriptBytes: scriptBytes ?? 0 }
  const costs = started && {
    opening: openingReads(manifest, started.pipeline, facts),
    query: queryReads(manifest, started.pipeline, { ...facts, ...(bytesMax ? { bytesMax } : {}) }),
    coldStart: coldStart(host, manifest, started),
  }
  return {
    host,
    title: facts.title,
    fits: problems.length === 0,
    problems,
    notes: [...limits.notes, ...(costs ? notesOf(host, { ...started, ...costs, manifest, hostMb }) : [])],
    ...(limits.plan ? { plan: limits.plan } : {}),
    memory: { hostMb, memoryMax, ...(needed === undefined ? {} : { needed }) },
    ...(scriptBytes === undefined ? {} : { scriptBytes }),
    ...(pipeline ? { pipeline } : {}),
    ...(pipelineForced ? { pipelineForced } : {}),
    ...costs,
  }
}
