/**
 * Token vectors on disk between encoding and quantising: a folder with `docs.f16` (float16 rows of all passages, one
 * after another, little-endian), `doclens.json`, `meta.json` and optionally `queries.f16`. The layout is the one the
 * peer benchmarks use, so a folder made elsewhere can be indexed, and one made here measured elsewhere.
 */
import { type FileHandle, mkdir, open, readFile, stat, writeFile } from 'node:fs/promises'
import { endianness } from 'node:os'
import { join } from 'node:path'
import { InputError, StorageError } from '../../format/errors.ts'
import {
  DIM_MAX,
  DIM_MIN,
  DIM_MULTIPLE,
  ID_BYTES_MAX,
  PASSAGE_TOKENS_MAX,
  PASSAGES_MAX,
  QUERY_ROWS_MAX,
} from '../../format/limits.ts'
import { decodeFloat16, encodeFloat16, float16Table } from './float16.ts'

/** Query vectors of a store, for measuring. */
export interface StoredQueries {
  readonly ids: readonly string[]
  /** Rows of each query. */
  readonly tokens: number
  /** f32[ids][tokens][dim]. */
  readonly vectors: Float32Array
}

/** Read access to token vectors by row; memory is what the caller asks for, never the whole file. */
export interface VectorStore {
  readonly dim: number
  readonly tokens: number
  readonly ids: readonly string[]
  /** u16[passages]. */
  readonly passageLengths: Uint16Array
  /**
   * Rows [first, first + rows) as f32, to the start of `target`. One read at a time: they share a buffer.
   * @throws InputError naming passage and row when a value is not finite
   */
  readRows(first: number, rows: number, target: Float32Array): Promise<void>
  /** @throws InputError when the folder has none */
  readQueries(): Promise<StoredQueries>
  close(): Promise<void>
}

/** Writes a store; passages come in corpus order. Nothing is complete until `finish`, which writes `meta.json` last. */
export interface VectorStoreWriter {
  /**
   * Appends one passage.
   * @param vectors - f32[rows][dim], rows of unit length; rounded to the nearest float16, ties to even
   */
  append(vectors: Float32Array, rows: number): Promise<void>
  /** @param ids - one a passage, in the order they were appended */
  finish(ids: readonly string[], queries?: StoredQueries): Promise<void>
  /** Closes the file without finishing. */
  abandon(): Promise<void>
}

interface Meta {
  readonly dim: number
  readonly num_docs: number
  readonly num_queries: number
  readonly query_tokens: number
  readonly doc_ids: readonly (string | number)[]
  readonly query_ids: readonly (string | number)[]
}

const ROWS_FILE = 'docs.f16'
const QUERIES_FILE = 'queries.f16'
const LENGTHS_FILE = 'doclens.json'
const META_FILE = 'meta.json'
const WRITE_BUFFER_VALUES = 512 * 1024

/** @throws InputError when files are missing or do not agree with each other */
export async function openVectorStore(folder: string): Promise<VectorStore> {
  if (endianness() !== 'LE') throw new InputError('reading vectors: expected a little-endian machine', {})
  const meta = await readMeta(folder)
  const { dim } = meta
  checkIds(join(folder, META_FILE), meta.doc_ids.map(String))
  const passageLengths = checkLengths(folder, await readJson(folder, LENGTHS_FILE), meta.num_docs)
  const tokens = passageLengths.reduce((sum, length) => sum + length, 0)
  const path = join(folder, ROWS_FILE)
  const expectedBytes = tokens * dim * 2
  const file = await openRows(path)
  try {
    const { size } = await file.stat()
    if (size !== expectedBytes) {
      throw new InputError(
        `reading "${path}": expected ${expectedBytes} bytes (${tokens} tokens x ${dim} values x 2), got ${size}. Encode the corpus again.`,
        { expected: expectedBytes, got: size },
      )
    }
  } catch (error) {
    await file.close()
    throw error
  }
  const table = float16Table()
  let buffer = new Uint16Array(0)
  return {
    dim,
    tokens,
    ids: meta.doc_ids.map(String),
    passageLengths,
    async readRows(first, rows, target) {
      const values = rows * dim
      if (buffer.length < values) buffer = new Uint16Array(values)
      await readFully(file, buffer.subarray(0, values), { path, positionBytes: first * dim * 2 })
      const bad = decodeFloat16(buffer, target, values, table)
      if (bad >= 0) throw notFinite(path, passageLengths, first + Math.floor(bad / dim))
    },
    readQueries: () => readQueries(folder, meta, table),
    close: () => file.close(),
  }
}

/** @throws InputError naming the first id that is empty, too long, or there twice */
function checkIds(path: string, ids: readonly string[]): void {
  const seen = new Map<string, number>()
  for (const [at, id] of ids.entries()) {
    const bytes = Buffer.byteLength(id)
    if (bytes < 1 || bytes > ID_BYTES_MAX) {
      throw new InputError(
        `reading "${path}": doc_ids[${at}] has ${bytes} bytes, an id has 1 to ${ID_BYTES_MAX}. Rename it.`,
        { at },
      )
    }
    const before = seen.get(id)
    if (before !== undefined) {
      throw new InputError(
        `reading "${path}": expected every id once, got "${id}" as doc_ids[${before}] and doc_ids[${at}]. Rename one of the two.`,
        { at },
      )
    }
    seen.set(id, at)
  }
}

/** @throws InputError when `dim` is not one the format has */
export async function createVectorStore(folder: string, dim: number): Promise<VectorStoreWriter> {
  checkDim(folder, dim)
  await mkdir(folder, { recursive: true })
  const path = join(folder, ROWS_FILE)
  const file = await open(path, 'w')
  const lengths: number[] = []
  const buffer = new Uint16Array(WRITE_BUFFER_VALUES)
  let filled = 0
  const flush = async (): Promise<void> => {
    await file.writeFile(new Uint8Array(buffer.buffer, 0, filled * 2))
    filled = 0
  }
  return {
    async append(vectors, rows) {
      checkPassage(path, { passage: lengths.length, rows, values: vectors.length, dim })
      const values = rows * dim
      for (let start = 0; start < values; ) {
        const count = Math.min(values - start, buffer.length - filled)
        const bad = encodeFloat16(vectors.subarray(start, start + count), buffer.subarray(filled, filled + count))
        if (bad >= 0) throw notFiniteRow(path, lengths.length, Math.floor((start + bad) / dim))
        start += count
        filled += count
        if (filled === buffer.length) await flush()
      }
      lengths.push(rows)
    },
    async finish(ids, queries) {
      if (ids.length !== lengths.length) {
        throw new InputError(`writing "${path}": expected ${lengths.length} ids, one a passage, got ${ids.length}`, {})
      }
      await flush()
      await file.close()
      await writeFile(join(folder, LENGTHS_FILE), JSON.stringify(lengths))
      if (queries) await writeQueries(folder, queries, dim)
      const meta: Meta = {
        dim,
        num_docs: ids.length,
        num_queries: queries?.ids.length ?? 0,
        query_tokens: queries?.tokens ?? 0,
        doc_ids: ids,
        query_ids: queries?.ids ?? [],
      }
      await writeFile(join(folder, META_FILE), JSON.stringify(meta))
    },
    abandon: () => file.close(),
  }
}

function checkDim(folder: string, dim: number): void {
  if (!Number.isInteger(dim) || dim < DIM_MIN || dim > DIM_MAX || dim % DIM_MULTIPLE !== 0) {
    throw new InputError(
      `vectors in "${folder}": expected a dim in [${DIM_MIN}, ${DIM_MAX}] that is a multiple of ${DIM_MULTIPLE}, got ${dim}`,
      { dim },
    )
  }
}

function checkPassage(path: string, got: { passage: number; rows: number; values: number; dim: number }): void {
  const { passage, rows, values, dim } = got
  if (!Number.isInteger(rows) || rows < 0 || rows > PASSAGE_TOKENS_MAX) {
    throw new InputError(`"${path}", passage ${passage}: expected at most ${PASSAGE_TOKENS_MAX} tokens, got ${rows}`, {
      passage,
    })
  }
  if (values < rows * dim) {
    throw new InputError(`"${path}", passage ${passage}: expected ${rows * dim} values, got ${values}`, { passage })
  }
}

async function readMeta(folder: string): Promise<Meta> {
  const meta = (await readJson(folder, META_FILE)) as Partial<Meta>
  const path = join(folder, META_FILE)
  const { dim, num_docs: count, doc_ids: ids } = meta
  if (typeof dim !== 'number' || typeof count !== 'number' || !Array.isArray(ids)) {
    throw new InputError(
      `reading "${path}": expected "dim", "num_docs" and "doc_ids", got ${Object.keys(meta).join(', ')}`,
      {},
    )
  }
  checkDim(folder, dim)
  if (ids.length !== count || !Number.isInteger(count) || count < 0 || count > PASSAGES_MAX) {
    throw new InputError(
      `reading "${path}": expected ${count} "doc_ids" (at most ${PASSAGES_MAX}), got ${ids.length}`,
      {},
    )
  }
  return { num_queries: 0, query_tokens: 0, query_ids: [], ...meta, dim, num_docs: count, doc_ids: ids }
}

async function readJson(folder: string, name: string): Promise<unknown> {
  const path = join(folder, name)
  try {
    return JSON.parse(await readFile(path, 'utf8'))
  } catch (cause) {
    const what = (cause as Error).message
    throw new InputError(
      `reading "${path}": expected a JSON file of a vectors folder, got: ${what}. Encode the corpus again.`,
      {},
      { cause },
    )
  }
}

function checkLengths(folder: string, lengths: unknown, passages: number): Uint16Array {
  const path = join(folder, LENGTHS_FILE)
  if (!Array.isArray(lengths) || lengths.length !== passages) {
    const got = Array.isArray(lengths) ? `${lengths.length}` : typeof lengths
    throw new InputError(`reading "${path}": expected an array of ${passages} lengths, got ${got}`, {})
  }
  const checked = new Uint16Array(passages)
  lengths.forEach((length: unknown, passage) => {
    if (!Number.isInteger(length) || (length as number) < 0 || (length as number) > PASSAGE_TOKENS_MAX) {
      throw new InputError(
        `reading "${path}", passage ${passage}: expected a length in [0, ${PASSAGE_TOKENS_MAX}], got ${String(length)}`,
        { passage },
      )
    }
    checked[passage] = length as number
  })
  return checked
}

async function openRows(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'r')
  } catch (cause) {
    throw new InputError(`opening "${path}": ${(cause as Error).message}. Is it a vectors folder?`, {}, { cause })
  }
}

async function readFully(
  file: FileHandle,
  target: Uint16Array,
  at: { path: string; positionBytes: number },
): Promise<void> {
  const bytes = new Uint8Array(target.buffer, target.byteOffset, target.byteLength)
  for (let done = 0; done < bytes.length; ) {
    const { bytesRead } = await file.read(bytes, done, bytes.length - done, at.positionBytes + done)
    if (bytesRead === 0) {
      throw new StorageError(
        `reading "${at.path}": the file ended at byte ${at.positionBytes + done}; it shrank while it was read`,
      )
    }
    done += bytesRead
  }
}

function notFinite(path: string, lengths: Uint16Array, row: number): InputError {
  let start = 0
  let passage = 0
  while (passage < lengths.length && start + (lengths[passage] ?? 0) <= row) start += lengths[passage++] ?? 0
  return notFiniteRow(path, passage, row - start)
}

function notFiniteRow(path: string, passage: number, row: number): InputError {
  return new InputError(
    `"${path}", passage ${passage}, row ${row}: expected finite float16 values, got NaN or infinity. Check the encoder's output.`,
    { passage, row },
  )
}

async function readQueries(folder: string, meta: Meta, table: Float32Array): Promise<StoredQueries> {
  const path = join(folder, QUERIES_FILE)
  const values = meta.num_queries * meta.query_tokens * meta.dim
  if (meta.num_queries === 0 || meta.query_tokens > QUERY_ROWS_MAX || meta.query_ids.length !== meta.num_queries) {
    throw new InputError(
      `reading "${path}": expected query ids and at most ${QUERY_ROWS_MAX} rows a query, got ${meta.num_queries} queries of ${meta.query_tokens} rows`,
      {},
    )
  }
  const file = await openRows(path)
  try {
    const { size } = await stat(path)
    if (size !== values * 2)
      throw new InputError(`reading "${path}": expected ${values * 2} bytes, got ${size}`, { got: size })
    const halves = new Uint16Array(values)
    await readFully(file, halves, { path, positionBytes: 0 })
    const vectors = new Float32Array(values)
    const bad = decodeFloat16(halves, vectors, values, table)
    if (bad >= 0) throw new InputError(`"${path}", value ${bad}: expected a finite number`, { value: bad })
    return { ids: meta.query_ids.map(String), tokens: meta.query_tokens, vectors }
  } finally {
    await file.close()
  }
}

async function writeQueries(folder: string, queries: StoredQueries, dim: number): Promise<void> {
  const path = join(folder, QUERIES_FILE)
  const values = queries.ids.length * queries.tokens * dim
  if (queries.vectors.length !== values) {
    throw new InputError(`writing "${path}": expected ${values} values, got ${queries.vectors.length}`, {})
  }
  const halves = new Uint16Array(values)
  const bad = encodeFloat16(queries.vectors, halves)
  if (bad >= 0) throw new InputError(`"${path}", value ${bad}: expected a finite float16`, { value: bad })
  await writeFile(path, new Uint8Array(halves.buffer))
}
