/** Writes a vectors folder, passage by passage. */
import { mkdir, open, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { InputError } from '../../format/errors.ts'
import { PASSAGE_TOKENS_MAX } from '../../format/limits.ts'
import { encodeFloat16 } from './float16.ts'
import {
  checkDim,
  LENGTHS_FILE,
  META_FILE,
  notFiniteRow,
  QUERIES_FILE,
  ROWS_FILE,
  type StoredQueries,
  type VectorsMeta,
} from './vectorsLayout.ts'

const WRITE_BUFFER_VALUES = 512 * 1024

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
      const meta: VectorsMeta = {
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
