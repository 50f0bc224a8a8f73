/**
 * A vectors folder: token vectors on disk between encoding and quantising. It has `docs.f16` (float16 rows of all passages, one after
 * another, little-endian), `doclens.json` (rows of each passage), `meta.json` (dim, ids, counts) and optionally `queries.f16`. The layout
 * is the one the peer benchmarks use, so a folder made elsewhere can be indexed, and one made here measured elsewhere.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { InputError } from '../../format/errors.ts'
import { DIM_MAX, DIM_MIN, DIM_MULTIPLE, ID_BYTES_MAX, PASSAGE_TOKENS_MAX, PASSAGES_MAX } from '../../format/limits.ts'

export const ROWS_FILE = 'docs.f16'
export const QUERIES_FILE = 'queries.f16'
export const LENGTHS_FILE = 'doclens.json'
export const META_FILE = 'meta.json'

/** What `meta.json` holds. */
export interface VectorsMeta {
  readonly dim: number
  readonly num_docs: number
  readonly num_queries: number
  readonly query_tokens: number
  readonly doc_ids: readonly (string | number)[]
  readonly query_ids: readonly (string | number)[]
}

/** Query vectors of a store, for measuring. */
export interface StoredQueries {
  readonly ids: readonly string[]
  /** Rows of each query. */
  readonly tokens: number
  /** f32[ids][tokens][dim]. */
  readonly vectors: Float32Array
}

/** @throws InputError when `dim` is not one the format has */
export function checkDim(folder: string, dim: number): void {
  if (!Number.isInteger(dim) || dim < DIM_MIN || dim > DIM_MAX || dim % DIM_MULTIPLE !== 0) {
    throw new InputError(
      `vectors in "${folder}": expected a dim in [${DIM_MIN}, ${DIM_MAX}] that is a multiple of ${DIM_MULTIPLE}, got ${dim}`,
      { dim },
    )
  }
}

/** `meta.json`, checked. @throws InputError when it is missing, incomplete or contradicts itself */
export async function readMeta(folder: string): Promise<VectorsMeta> {
  const meta = (await readJson(folder, META_FILE)) as Partial<VectorsMeta>
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
  checkIds(path, ids.map(String))
  return { num_queries: 0, query_tokens: 0, query_ids: [], ...meta, dim, num_docs: count, doc_ids: ids }
}

/** Rows of each passage, checked. u16[passages]. @throws InputError when the file is missing or wrong */
export async function readLengths(folder: string, passages: number): Promise<Uint16Array> {
  const lengths = await readJson(folder, LENGTHS_FILE)
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

/** The error of a row that holds NaN or infinity. */
export function notFiniteRow(path: string, passage: number, row: number): InputError {
  return new InputError(
    `"${path}", passage ${passage}, row ${row}: expected finite float16 values, got NaN or infinity. Check the encoder's output.`,
    { passage, row },
  )
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
