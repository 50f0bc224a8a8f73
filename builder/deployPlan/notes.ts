/** What a host's limits and prices mean for an index: the notes of `tartan deploy-plan`. */
import type { Manifest } from '../../format/manifest.ts'
import type { Pipeline } from '../../runtime/openIndexFiles.ts'
import type { ColdStart } from './deployPlan.ts'
import { FIGURES, type HostName } from './hosts.ts'
import { openingReads, type QueryReads, type Reads } from './reads.ts'

export interface Noted {
  readonly manifest: Manifest
  readonly pipeline: Pipeline
  readonly encoder: boolean
  readonly hostMb: number
  readonly scriptBytes: number
  readonly opening: Reads
  readonly query: QueryReads
  readonly coldStart: ColdStart
}

/** Whole files for ranges are not worth a word below this many times the bytes. */
const WHOLE_FILES_FACTOR = 2

export function notesOf(host: HostName, noted: Noted): readonly string[] {
  const { query, opening, encoder } = noted
  const reads = (query.typical.requests + query.texts.requests) * 1000
  const firstBytes = opening.bytes + noted.scriptBytes + (encoder ? FIGURES.modelBytes : 0)
  const notes: Readonly<Record<HostName, () => readonly string[]>> = {
    'cloudflare-r2': () => [
      `R2: ${thousands(reads)} reads (class B) for 1,000 queries with texts, ${thousands(opening.requests)} for each isolate that starts; ten million a month are free.`,
      workerTime(noted),
    ],
    'cloudflare-assets': () => [...rangesNote(noted), workerTime(noted)],
    'deno-deploy': () => [],
    'lambda-s3': () => [
      `S3: ${thousands(reads)} GET requests for 1,000 queries with texts, ${thousands(opening.requests)} for each instance that starts.`,
      ...(noted.hostMb < 1769
        ? ['Lambda gives a whole core from 1,769 MB on: below, computing takes longer than here.']
        : []),
    ],
    browser: () => [
      `Every visitor loads ${megabytes(firstBytes)} once, ${megabytes(query.typical.bytes + query.texts.bytes)} more a query; the host has to serve byte ranges.`,
    ],
    'node-server': () => [],
  }
  return notes[host]()
}

/** Small parts are the way to live without ranges. */
function rangesNote({ manifest, pipeline, opening }: Noted): readonly string[] {
  const wanted = openingReads(manifest, pipeline).bytes
  if (opening.bytes < wanted * WHOLE_FILES_FACTOR) return []
  const better = pipeline === 'range' ? ' R2 has ranges, and suits an index better that does not fit the memory.' : ''
  return [
    `Assets know no byte ranges: each read brings a whole part, ${megabytes(opening.bytes)} to open instead of ${megabytes(wanted)}. Build with --part-size 1MiB.${better}`,
  ]
}

function workerTime({ coldStart, encoder }: Noted): string {
  const queries = encoder ? 'encoding and searching a text some 23 ms' : 'a search some 2 ms and more'
  return `Workers Free gives a request 10 ms of CPU time; opening takes about ${Math.round(coldStart.computeMs)} ms, ${queries}. Take Workers Paid for anything but a trial.`
}

function thousands(value: number): string {
  return value.toLocaleString('en-US')
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`
}
