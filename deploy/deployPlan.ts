/** For each host: whether an index fits, how it would be searched there, and what that costs. Pure: the manifest is all that is looked at. */
import { InputError } from '../format/errors.ts'
import { livePassages, type Manifest } from '../format/manifest/manifest.ts'
import type { PipelineName } from '../runtime/searchers/pipeline.ts'
import { type ColdStart, coldStart } from './coldStart.ts'
import { HOST_NAMES, HOSTS, type HostName } from './hosts.ts'
import { checkLimits, wholeFilesMax } from './limitCheck.ts'
import { chooseMemory } from './memoryChoice.ts'
import { notesOf } from './notes.ts'
import { openingReads, type QueryReads, queryReads, type Reads } from './reads.ts'

export interface DeployPlanOptions {
  /** Default: all. */
  readonly hosts?: readonly HostName[]
  /**
   * Whether texts are encoded on the host itself, which takes memory, script and time; 'auto': where there is room for that. Default false:
   * queries come as vectors, or by a remote encoder.
   */
  readonly encoder?: boolean | 'auto'
  /** MB (10^6 bytes) the host has, instead of its usual: less than that, or another size of those that can be chosen. Needs exactly one host. */
  readonly memoryMb?: number
}

export interface DeployPlan {
  readonly index: {
    readonly name: string
    /** Model that it was built with; absent when it was built from vectors of no name. */
    readonly encoder?: string
    /** Those that can be found. */
    readonly passages: number
    /** Parts and manifest. */
    readonly files: number
    readonly bytes: number
    readonly largestPartBytes: number
  }
  /** As it was asked for; each host says what it comes to there. */
  readonly encoder: boolean | 'auto'
  readonly hosts: readonly HostPlan[]
}

export type HostPlan = SearchPlan | LackingPlan

interface PlanFacts {
  readonly host: HostName
  readonly title: string
  /** Whether texts are encoded there. */
  readonly encoder: boolean
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
  }
  /** Gzipped, kernels included; absent where nothing is bundled. */
  readonly scriptBytes?: number
}

/** A host whose memory an index fits, and what searching there costs. Something else may stand in the way. */
export interface SearchPlan extends PlanFacts {
  readonly memory: PlanFacts['memory'] & {
    /** Bytes that the index takes by the pipeline chosen. */
    readonly needed: number
    /** Bytes that whole parts may take, where storage knows no ranges: `wholeFilesMax` of `httpFiles`. */
    readonly wholeFilesMax?: number
  }
  readonly pipeline: PipelineName
  /** Whether `openIndexFiles` would choose another one, so that it has to be told. */
  readonly pipelineForced: boolean
  readonly opening: Reads
  readonly query: QueryReads
  readonly coldStart: ColdStart
}

/** A host that has too little memory for an index, by either pipeline. */
export interface LackingPlan extends PlanFacts {
  readonly fits: false
  readonly pipeline?: undefined
}

/**
 * @throws InputError when an encoder is asked for that the index does not name, or memory that the host has not
 */
export function deployPlan(manifest: Manifest, options: DeployPlanOptions = {}): DeployPlan {
  const { hosts = HOST_NAMES, encoder = false, memoryMb } = options
  if (livePassages(manifest) === 0) throw new InputError(`the index "${manifest.name}" has no passages to search.`)
  if (encoder === true && !manifest.encoder) {
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
      passages: livePassages(manifest),
      files: parts.length + 1,
      bytes: parts.reduce((sum, bytes) => sum + bytes, 0),
      largestPartBytes: Math.max(0, ...parts),
    },
    encoder,
    hosts: hosts.map((host) =>
      encoder === 'auto' ? planWithRoom(host, manifest, memoryMb) : planHost(host, manifest, { encoder, memoryMb }),
    ),
  }
}

/** With an encoder where the index names one and both fit. */
function planWithRoom(host: HostName, manifest: Manifest, memoryMb: number | undefined): HostPlan {
  const plan = (encoder: boolean) => planHost(host, manifest, { encoder, memoryMb })
  if (!manifest.encoder) return plan(false)
  try {
    const beside = plan(true)
    if (beside.fits) return beside
  } catch (error) {
    // Memory that an encoder alone would take may do without one.
    if (!(error instanceof InputError)) throw error
  }
  return plan(false)
}

function planHost(
  host: HostName,
  manifest: Manifest,
  asked: { readonly encoder: boolean; readonly memoryMb?: number | undefined },
): HostPlan {
  const facts = HOSTS[host]
  const { script, title } = facts
  const scriptBytes = script && script.bytes + (asked.encoder ? script.encoderBytes : 0)
  const memory = chooseMemory(host, manifest, asked)
  const { hostMb, memoryMax, pipeline } = memory
  const { problems, notes, plan } = checkLimits(facts, manifest, scriptBytes)
  const known = {
    ...{ host, title, encoder: asked.encoder, notes, memory: { hostMb, memoryMax } },
    ...(plan ? { plan } : {}),
    ...(scriptBytes === undefined ? {} : { scriptBytes }),
  }
  if (!pipeline) return { ...known, fits: false, problems: [memory.problem, ...problems] }
  const { needed, budget, pipelineForced } = memory
  const started = { pipeline, encoder: asked.encoder, scriptBytes: scriptBytes ?? 0 }
  const costs = {
    opening: openingReads(manifest, pipeline, facts),
    query: queryReads(manifest, pipeline, { ...facts, budget }),
    coldStart: coldStart(host, manifest, started),
  }
  return {
    ...known,
    fits: problems.length === 0,
    problems,
    notes: [...notes, ...notesOf(host, { ...started, ...costs, manifest, memory })],
    memory: { hostMb, memoryMax, needed, ...(facts.wholeFiles ? { wholeFilesMax: wholeFilesMax(facts, memory) } : {}) },
    ...{ pipeline, pipelineForced, ...costs },
  }
}
