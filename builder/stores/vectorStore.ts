/** Reads token vectors of a vectors folder (vectorsLayout.ts) by row. */
import { type FileHandle, open, stat } from 'node:fs/promises'
import { endianness } from 'node:os'
import { join } from 'node:path'
import { InputError, StorageError } from '../../format/errors.ts'
import { QUERY_ROWS_MAX } from '../../format/limits.ts'
import { decodeFloat16, float16Table } from './float16.ts'
import {
  notFiniteRow,
  QUERIES_FILE,
  ROWS_FILE,
  readLengths,
  readMeta,
  type StoredQueries,
  type VectorsMeta,
} from './vectorsLayout.ts'

export type { StoredQueries }

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

/** @throws InputError when files are missing or do not agree with each other */
export async function openVectorStore(folder: string): Promise<VectorStore> {
  if (endianness() !== 'LE') throw new InputError('reading vectors: expected a little-endian machine', {})
  const meta = await readMeta(folder)
  const { dim } = meta
  const passageLengths = await readLengths(folder, meta.num_docs)
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

async function readQueries(folder: string, meta: VectorsMeta, table: Float32Array): Promise<StoredQueries> {
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
