/** How long the first answer takes on a host: an estimate from bytes, waits, and an assumed line. */
import type { Manifest } from '../format/manifest/manifest.ts'
import type { PipelineName } from '../runtime/searchers/pipeline.ts'
import { FIGURES, HOSTS, type HostName, type Line } from './hosts.ts'
import { openingReads, queryReads } from './reads.ts'

/** From a process that has started to its first answer, with texts. */
export interface ColdStart {
  readonly totalMs: number
  readonly networkMs: number
  /** Reading and checking, first search; measured in Node. */
  readonly computeMs: number
  /** The model's files and its start; 0 when texts are not encoded here. */
  readonly encoderMs: number
  readonly assumed: Line
}

export interface Started {
  readonly pipeline: PipelineName
  readonly encoder: boolean
  /** Fetched as well where the host is a browser. */
  readonly scriptBytes: number
}

export function coldStart(host: HostName, manifest: Manifest, { pipeline, encoder, scriptBytes }: Started): ColdStart {
  const { line, encoderColdMs, ...facts } = HOSTS[host]
  const overLine = (bytes: number, roundTrips: number) =>
    (bytes / line.bytesPerSecond) * 1000 + roundTrips * line.roundTripMs
  const { typical, texts, textDirectory } = queryReads(manifest, pipeline, facts)
  const networkMs =
    (host === 'browser' ? overLine(scriptBytes, 1) : 0) +
    [openingReads(manifest, pipeline, facts), typical, textDirectory, texts].reduce(
      (sum, { bytes, roundTrips }) => sum + overLine(bytes, roundTrips),
      0,
    )
  const { start, perMegabyte } = pipeline === 'resident' ? FIGURES.residentMs : FIGURES.rangeMs
  // Of whole files that are sent for ranges only the ranges are looked at.
  const computeMs = start + (perMegabyte * openingReads(manifest, pipeline).bytes) / 1e6
  // A server has the model on its disk: part of what was measured.
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
