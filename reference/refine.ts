/** The readable twin of refine (assembly/refine.ts), as reference.ts is of the other kernels. */
import { residualBytesOf } from '../format/items/rowBlock.ts'
import type { QuantisedQuery } from '../runtime/kernels/quantise.ts'
import { rowNumbers } from '../runtime/kernels/units.ts'
import { at, passageRows, type ReferenceSegment } from './kernels.ts'

const { fround } = Math

/** f32[pids]: MaxSim at sixteen bits, the maxima added in f32 in the order of rows; 0 for a passage without tokens. */
export function refine(segment: ReferenceSegment, query: QuantisedQuery, pids: Uint32Array): Float32Array {
  const { fineUnits } = rowNumbers(query, segment.scales)
  return Float32Array.from(pids, (pid) => {
    const { codes, norms, residuals } = passageRows(segment, pid)
    if (codes.length === 0) return 0
    const residualBytes = residualBytesOf(segment.dim, segment.nbits)
    const best = new Float32Array(query.rows).fill(Number.NEGATIVE_INFINITY)
    for (const [token, code] of codes.entries()) {
      const values = fineToken(segment, code, residuals.subarray(token * residualBytes, (token + 1) * residualBytes))
      const norm = at(segment.scales.inverseNorms, at(norms, token))
      for (let row = 0; row < query.rows; row++) {
        const fine = query.fine.subarray(row * query.dim, (row + 1) * query.dim)
        const product = fine.reduce((sum, value, dim) => sum + value * at(values, dim), 0)
        best[row] = Math.max(at(best, row), fround(fround(product) * norm))
      }
    }
    return best.reduce((sum, value, row) => fround(sum + fround(value * at(fineUnits, row))), 0)
  })
}

/** i16[dim]: a token in steps of 1 / fineScale, before it is normalised. */
function fineToken({ dim, nbits, scales, ...segment }: ReferenceSegment, code: number, packed: Uint8Array): Int16Array {
  const factor = fround(at(segment.centroidScales, code) * scales.fineScale)
  const perByte = 8 / nbits
  return Int16Array.from({ length: dim }, (_, index) => {
    // Rounds to an integer, halves to even: f32 counts in ones at an offset of 1.5 * 2^23.
    const centroid = fround(fround(at(segment.centroids, code * dim + index) * factor) + 1.5 * 2 ** 23) - 1.5 * 2 ** 23
    const byte = at(packed, Math.floor(index / perByte))
    return centroid + at(scales.fineValues, byte * perByte + (index % perByte))
  })
}
