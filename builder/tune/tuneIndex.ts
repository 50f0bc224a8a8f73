/** Tunes an index on disk: opens it, makes or reads queries, measures, and puts the tiers into its manifest. */
import { stat } from 'node:fs/promises'
import type { Encoder } from '../../encoder/encoder.ts'
import { InputError } from '../../format/errors.ts'
import { type IndexReader, readIndex } from '../../format/indexReader.ts'
import { IdTable } from '../../format/items/ids.ts'
import type { IndexTiers } from '../../format/manifest/tiers.ts'
import { filesAtPath } from '../../runtime/platform/node/nodeFiles.ts'
import { openIndex } from '../../runtime/platform/node/nodeIndex.ts'
import { openQueryEncoder } from '../../runtime/platform/node/queryEncoder.ts'
import { isIndexUrl } from '../../runtime/platform/urlFiles.ts'
import type { QueryVectors, Searcher } from '../../runtime/searcher.ts'
import { readQueries } from '../eval/queries.ts'
import { throwIfAborted } from '../progress.ts'
import { readIndexManifest, replaceManifest } from '../publish/replaceManifest.ts'
import { openVectorStore, type VectorStore } from '../stores/vectorStore.ts'
import { openDecodedRows } from './decodedRows.ts'
import type { TokenRows } from './exactMaxSim.ts'
import { PassageNumbers } from './passageNumbers.ts'
import { rowQueries, samplePassages, textQueries } from './pseudoQueries.ts'
import { type TuneOptions, type TuneSource, tuneSearcher } from './tuneSearcher.ts'

/** Queries that are made unless the user says how many: enough to tell 0.005 of recall, a few seconds of work. */
export const SAMPLE_DEFAULT = 64
const SEED_DEFAULT = 42

export interface TuneIndexOptions extends TuneOptions {
  /** Queries of the user: a file of texts (BEIR JSONL, TSV), or a vectors folder that has some. Default: made from the corpus. */
  readonly queries?: string
  /** Vectors folder that the index was built from: exact MaxSim is then that of the original vectors. */
  readonly vectors?: string
  /** Encoder of query texts. Default: the index's own, if bundled. */
  readonly model?: string
  /** Make queries of rows of passages even when texts and encoder are there. Default false. */
  readonly fromRows?: boolean
  /** At most so many queries, evenly from those given. Default: 64 that are made, all that are given. */
  readonly sample?: number
  readonly seed?: number
}

export interface TuneReport {
  readonly index: string
  readonly generation: number
  readonly tiers: IndexTiers
  /** Ids of given queries that were left out, since they have no word; absent when there are none. */
  readonly wordlessQueries?: readonly string[]
}

/**
 * @param path - index folder or pack; only its manifest changes, at the end, whole or not at all
 * @throws InputError, ModelError, FormatError and its kin, StorageError, AbortedError; the index is then as it was
 */
export async function tuneIndex(path: string, options: TuneIndexOptions = {}): Promise<TuneReport> {
  if (isIndexUrl(path)) {
    throw new InputError(
      `tuning writes into the index, and "${path}" is an address: tune a copy on disk, then upload its index.msgpack.`,
    )
  }
  const before = await readIndexManifest(path)
  const searcher = await openIndex(path)
  let reader: IndexReader | undefined
  let vectors: VectorStore | undefined
  try {
    reader = await readIndex(await filesAtPath(path))
    vectors = options.vectors === undefined ? undefined : await matchingVectors(options.vectors, reader)
    const rows = vectors ?? (await openDecodedRows(reader))
    const numbers = await PassageNumbers.of(reader)
    const wordless: string[] = []
    const queries = await queriesFor({ searcher, rows, numbers }, options, wordless)
    const source: TuneSource = {
      searcher,
      reader,
      numbers,
      rows,
      reference: vectors ? 'vectors' : 'decoded',
      queries,
      querySource: options.queries === undefined ? 'pseudo' : 'given',
    }
    const tiers = await tuneSearcher(source, options)
    const generation = before.manifest.generation + 1
    await replaceManifest(path, before, { ...before.manifest, generation, tiers }, options.signal)
    return { index: path, generation, tiers, ...(wordless.length > 0 ? { wordlessQueries: wordless } : {}) }
  } finally {
    await vectors?.close()
    await reader?.close()
    await searcher.close()
  }
}

/**
 * Tiers of an index that a build has just written.
 *
 * @param encoder - makes queries of its texts; without it, or without texts, queries are rows of passages
 */
export async function tuneBuilt(
  path: string,
  rows: TokenRows,
  encoder: Encoder | undefined,
  options: TuneOptions & { readonly seed?: number },
): Promise<IndexTiers> {
  const searcher = await openIndex(path)
  let reader: IndexReader | undefined
  try {
    reader = await readIndex(await filesAtPath(path))
    const numbers = await PassageNumbers.of(reader)
    const queries = await pseudoQueries({ searcher, rows, numbers }, encoder, options)
    return await tuneSearcher(
      { searcher, reader, numbers, rows, reference: 'vectors', queries, querySource: 'pseudo' },
      options,
    )
  } finally {
    await reader?.close()
    await searcher.close()
  }
}

type QuerySources = Pick<TuneSource, 'searcher' | 'rows' | 'numbers'>

/** @param wordless - takes the ids of given queries without a word */
async function queriesFor(
  sources: QuerySources,
  options: TuneIndexOptions,
  wordless: string[],
): Promise<readonly QueryVectors[]> {
  const { queries, model, fromRows = false } = options
  const { searcher } = sources
  const { info } = searcher
  if (queries !== undefined) {
    const isFolder = (await stat(queries).catch(() => undefined))?.isDirectory() ?? false
    return isFolder ? storedQueries(queries, options) : encodedQueries(queries, searcher, options, wordless)
  }
  if (fromRows || !info.hasTexts || !info.encoder) return pseudoQueries(sources, undefined, options)
  const encoder = await openQueryEncoder(info, model)
  try {
    return await pseudoQueries(sources, encoder, options)
  } finally {
    await encoder.close()
  }
}

async function pseudoQueries(
  { searcher, rows, numbers }: QuerySources,
  encoder: Encoder | undefined,
  options: TuneOptions & { readonly sample?: number; readonly seed?: number },
): Promise<readonly QueryVectors[]> {
  const { sample = SAMPLE_DEFAULT, seed = SEED_DEFAULT } = options
  const pids = samplePassages(rows.passageLengths, sample, seed, numbers.deleted)
  if (encoder && searcher.info.hasTexts) {
    const queries = await textQueries(
      await searcher.passages(pids.map((pid) => numbers.placeOf(pid))),
      encoder,
      seed,
      options,
    )
    if (queries.length > 0) return queries
  }
  return rowQueries(rows, pids, seed, searcher.info.encoder?.queryLength)
}

async function storedQueries(folder: string, { sample }: TuneIndexOptions): Promise<readonly QueryVectors[]> {
  const store = await openVectorStore(folder)
  try {
    const { ids, tokens, vectors } = await store.readQueries()
    const values = tokens * store.dim
    const queries = ids.map((_, i) => ({
      vectors: vectors.subarray(i * values, (i + 1) * values),
      rows: tokens,
      dim: store.dim,
    }))
    return evenly(queries, sample)
  } finally {
    await store.close()
  }
}

async function encodedQueries(
  file: string,
  { info }: Searcher,
  { sample, model, signal, onProgress }: TuneIndexOptions,
  wordless: string[],
): Promise<readonly QueryVectors[]> {
  const all = await readQueries(file, { signal })
  const encoder = await openQueryEncoder(info, model)
  try {
    const worded = all.filter(({ text }) => encoder.countTokens(text, 1) > 0)
    wordless.push(...all.filter(({ text }) => encoder.countTokens(text, 1) === 0).map(({ id }) => id))
    if (worded.length === 0) {
      throw new InputError(`tuning with "${file}": expected a query with a word, got none. Is this the right file?`)
    }
    const texts = evenly(worded, sample)
    const queries: QueryVectors[] = []
    for (const { text } of texts) {
      throwIfAborted(signal)
      queries.push(await encoder.encodeQuery(text))
      onProgress?.({ stage: 'queries', done: queries.length, total: texts.length, unit: 'queries' })
    }
    return queries
  } finally {
    await encoder.close()
  }
}

/** `count` of all, at even distances. */
function evenly<T>(all: readonly T[], count: number | undefined): readonly T[] {
  if (count === undefined || all.length <= count) return all
  return Array.from({ length: count }, (_, i) => all[Math.floor((i * all.length) / count)] as T)
}

/** @throws InputError when the folder is not the one that the index was built from */
async function matchingVectors(folder: string, reader: IndexReader): Promise<VectorStore> {
  const store = await openVectorStore(folder)
  try {
    const wrong = await difference(store, reader)
    if (wrong === undefined) return store
    throw new InputError(
      `"${folder}" is not what the index was built from: ${wrong}. Name the folder given to "tartan build --vectors", or leave --vectors out to compare with the vectors that the index decodes to.`,
      { folder },
    )
  } catch (error) {
    await store.close()
    throw error
  }
}

async function difference(store: VectorStore, reader: IndexReader): Promise<string | undefined> {
  const { dim, segments } = reader.manifest
  if (store.dim !== dim) return `it has ${store.dim} dims, the index ${dim}`
  const passages = segments.reduce((sum, segment) => sum + segment.passages, 0)
  if (store.ids.length !== passages) return `it has ${store.ids.length} passages, the index ${passages}`
  let first = 0
  for (const segment of segments) {
    const lengths = new Uint16Array((await reader.section(segment, 'passageLengths')).buffer)
    const ids = new IdTable(
      new Uint32Array((await reader.section(segment, 'idOffsets')).buffer),
      await reader.section(segment, 'ids'),
      new Uint32Array((await reader.section(segment, 'idOrder')).buffer),
    )
    for (let pid = 0; pid < segment.passages; pid++) {
      const id = ids.idOf(pid)
      if (store.ids[first + pid] !== id)
        return `passage ${first + pid} is "${store.ids[first + pid]}", in the index "${id}"`
      const [given, held] = [store.passageLengths[first + pid], lengths[pid]]
      if (given !== held) return `passage "${id}" has ${given} token vectors, in the index ${held}`
    }
    first += segment.passages
  }
  return undefined
}
