/** What a host's limits and prices mean for an index: the notes of `tartan deploy-plan`. */
import { InputError } from '../format/errors.ts'
import type { Manifest } from '../format/manifest/manifest.ts'
import { choosePipeline } from '../runtime/searchers/openIndexFiles.ts'
import { type ColdStart, coldStart, type Started } from './coldStart.ts'
import { FIGURES, HOSTS, type HostName } from './hosts.ts'
import type { FittingMemory } from './memoryChoice.ts'
import { openingReads, type QueryReads, type Reads } from './reads.ts'

export interface Noted extends Started {
  readonly manifest: Manifest
  readonly memory: FittingMemory
  readonly opening: Reads
  readonly query: QueryReads
  readonly coldStart: ColdStart
}

/** Whole files for ranges are not worth a word below this many times the bytes. */
const WHOLE_FILES_FACTOR = 2
/** Texts of the hits of a query, by whole parts, are not worth a word below. */
const WHOLE_TEXTS_BYTES = 16 * 2 ** 20
/** Below this nobody minds. */
const SLOW_START_MS = 2000

export function notesOf(host: HostName, noted: Noted): readonly string[] {
  const { query, opening, encoder } = noted
  const reads = (query.typical.requests + query.texts.requests) * 1000
  const firstBytes = opening.bytes + noted.scriptBytes + (encoder ? FIGURES.modelBytes : 0)
  const notes: Readonly<Record<HostName, () => readonly string[]>> = {
    'cloudflare-r2': () => [
      `R2: ${thousands(reads)} reads (class B) for 1,000 queries and the texts of their hits, ${thousands(opening.requests)} for each isolate that starts; ten million a month are free.`,
      workerTime(noted),
    ],
    'cloudflare-assets': () => [...rangesNote(noted), workerTime(noted)],
    'deno-deploy': () => [],
    'lambda-s3': () => [
      `S3: ${thousands(reads)} GET requests for 1,000 queries and the texts of their hits, ${thousands(opening.requests)} for each instance that starts.`,
      ...(noted.memory.hostMb < 1769
        ? ['Lambda gives a whole core from 1,769 MB on: below, computing takes longer than here.']
        : []),
    ],
    browser: () => [
      `Every visitor loads ${sizeText(firstBytes)} once, ${sizeText(query.typical.bytes + query.texts.bytes)} more a query; the host has to serve byte ranges.`,
    ],
    'node-server': () => [],
  }
  return [...notes[host](), ...rangeNote(host, noted), ...replacedNote(host, noted)]
}

/** While queries end on the old index the new one is in memory as well. */
function replacedNote(host: HostName, { manifest, memory, pipeline }: Noted): readonly string[] {
  if (!HOSTS[host].refreshMs) return []
  const { memoryMax, needed, pipelineForced } = memory
  const left = memoryMax - needed
  if (fits(manifest, { memoryMax: left, ...(pipelineForced ? { pipeline } : {}) })) return []
  return [
    'An index that replaces it does not fit the memory beside it: programs that run keep to the old one, whose parts have to stay until they are deployed anew.',
  ]
}

function fits(manifest: Manifest, options: Parameters<typeof choosePipeline>[1]): boolean {
  try {
    choosePipeline(manifest, options)
    return true
  } catch (error) {
    if (error instanceof InputError) return false
    throw error
  }
}

/** `openIndexFiles` loads an index that fits, which is not always what one waits for. */
function rangeNote(host: HostName, { manifest, coldStart: whole, ...started }: Noted): readonly string[] {
  if (started.pipeline === 'range' || HOSTS[host].wholeFiles) return []
  const { totalMs } = coldStart(host, manifest, { ...started, pipeline: 'range' })
  if (whole.totalMs < SLOW_START_MS || totalMs * 2 > whole.totalMs) return []
  return [
    `With \`pipeline: 'range'\` the first answer would come after some ${seconds(totalMs)} instead of ${seconds(whole.totalMs)}, later ones more slowly.`,
  ]
}

/** Small parts are the way to live without ranges. */
function rangesNote({ manifest, pipeline, opening, query }: Noted): readonly string[] {
  const wanted = openingReads(manifest, pipeline).bytes
  const opens = `${sizeText(opening.bytes)} to open instead of ${sizeText(wanted)}`
  const asks = `${sizeText(query.typical.bytes)} a query`
  const sent = 'Assets know no byte ranges: each read brings a whole part'
  if (pipeline === 'range')
    return [`${sent}, ${opens}, ${asks}. R2 has ranges, and suits an index better that does not fit the memory.`]
  if (opening.bytes >= wanted * WHOLE_FILES_FACTOR) return [`${sent}, ${opens}. Build with --part-size 1MiB.`]
  if (query.texts.bytes < WHOLE_TEXTS_BYTES) return []
  return [
    `${sent}, up to ${sizeText(query.texts.bytes)} for the texts of ten hits while none of it is kept. Build with --part-size 1MiB.`,
  ]
}

function workerTime({ manifest, pipeline, coldStart, encoder }: Noted): string {
  const { resident, rangePerCentroid, encode } = FIGURES.searchMs
  const centroids = manifest.quantisers.reduce((sum, quantiser) => sum + quantiser.centroids, 0)
  const search = pipeline === 'resident' ? resident : Math.max(resident, rangePerCentroid * centroids)
  const query = Math.round(search + (encoder ? encode : 0))
  return `Workers Free gives a request 10 ms of CPU time; opening takes about ${thousands(coldStart.computeMs)} ms, ${encoder ? 'encoding and searching a text' : 'a search'} some ${query} ms. Take Workers Paid for anything but a trial.`
}

function thousands(value: number): string {
  return value.toLocaleString('en-US')
}

function sizeText(bytes: number): string {
  const [unit, name] = bytes < 2 ** 20 ? [1024, 'KiB'] : [2 ** 20, 'MiB']
  return `${(bytes / unit).toFixed(bytes < 10 * unit ? 1 : 0)} ${name}`
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(ms < 1e4 ? 1 : 0)} s`
}
