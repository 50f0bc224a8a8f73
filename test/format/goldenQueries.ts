/** The vectors of the golden queries, of which test/golden/index/README.md has the texts. */
import { readFileSync } from 'node:fs'
import { decodeFloat16, float16Table } from '../../builder/stores/float16.ts'
import type { QueryVectors } from '../../runtime/searcher.ts'

const ROWS = 32
const DIM = 96

export function goldenQueries(): readonly QueryVectors[] {
  const file = readFileSync(new URL('../golden/index/queries.f16', import.meta.url))
  const halves = new Uint16Array(file.buffer.slice(file.byteOffset, file.byteOffset + file.length))
  const values = new Float32Array(halves.length)
  decodeFloat16(halves, values, halves.length, float16Table())
  return Array.from({ length: halves.length / (ROWS * DIM) }, (_, i) => ({
    vectors: values.subarray(i * ROWS * DIM, (i + 1) * ROWS * DIM),
    rows: ROWS,
    dim: DIM,
  }))
}
