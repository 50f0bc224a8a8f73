/** What the peers' bench needs of an engine: an index of the vectors at hand, and runs of its queries in a fresh process. */
import type { JudgedVectors } from '../../harness/judgedVectors.ts'

/** The vectors, the machine, and where things go; the same for every engine of a run. */
export interface PeerContext {
  readonly vectors: JudgedVectors
  /** Name of the data set in results and folders. */
  readonly label: string
  /** Takes builds, environments, indexes and raw results; kept between runs. */
  readonly work: string
  /** The folder with the peers' harness. */
  readonly peers: string
  /** Searching is pinned to this core. */
  readonly cpu: number
  /** Queries answered before any is timed. */
  readonly warm: number
  /** Timed queries of an engine that takes about a second for one. */
  readonly slowQueries: number
  /** Python of the peers that need it; made when absent only if `install`. */
  readonly python: string
  readonly install: boolean
}

/** Parameters of a search as "name=value name=value"; '' are the engine's own defaults. Each engine knows its names. */
export interface Setting {
  readonly text: string
  readonly k: number
}

export interface IndexCost {
  /** All files on disk. */
  readonly bytes: number
  /** Wall time of building, without reading the vectors. */
  readonly buildS: number
  /** User and system, all threads, with reading the vectors where the engine does not tell them apart. */
  readonly buildCpuS: number
  readonly buildPeakRssMb: number
  /** When it was built: its cost was measured then. */
  readonly built: string
}

/** One process: open the index, answer the first query, warm up, answer and time each query once. */
export interface EngineRun {
  readonly timesMs: readonly number[]
  /** Of each timed query, best first. */
  readonly pids: readonly (readonly number[])[]
  /** Scores of `pids`. */
  readonly scores: readonly (readonly number[])[]
  readonly openMs: number
  /** Opening and the first query. */
  readonly firstMs: number
  /** Resident set before opening, with runtime and queries. */
  readonly baseRssMb: number
  readonly peakRssMb: number
  /** WebAssembly memory, where there is one. */
  readonly wasmMb?: number
  /** What the engine says of itself: parameters used, kernel chosen. */
  readonly facts: Readonly<Record<string, unknown>>
}

export interface PeerEngine {
  /** "next-plaid 4 bits". */
  readonly name: string
  readonly version: string
  readonly cost: IndexCost
  readonly settings: readonly Setting[]
  /** Timed queries: the first of the vectors' queries. */
  readonly queries: number
  run(setting: Setting): Promise<EngineRun>
}

/** Builds and installs what the engine needs. @throws TartanError, with the cure, when the engine cannot be had here */
export type PreparePeer = (context: PeerContext, nbits: 4 | 2 | 1, ks: readonly number[]) => Promise<PeerEngine>

/** The engine's default parameters for every k; the other settings, which make its curve, for the first k only. */
export function settingsFor(ks: readonly number[], everyK: readonly string[], curve: readonly string[]): Setting[] {
  return [...ks.flatMap((k) => everyK.map((text) => ({ text, k }))), ...curve.map((text) => ({ text, k: ks[0] ?? 10 }))]
}

/** Name → value of a setting's text. */
export function valuesOf(text: string): ReadonlyMap<string, string> {
  return new Map(
    text
      .split(' ')
      .filter(Boolean)
      .map((part): [string, string] => {
        const at = part.indexOf('=')
        return [part.slice(0, at), part.slice(at + 1)]
      }),
  )
}
