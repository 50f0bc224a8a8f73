/**
 * The range pipeline through its door: answers beside those of the resident pipeline over the same files. Scores of a passage
 * must be the same bits there; what differs is only which passages were looked at.
 */
import { beforeAll, describe, expect, it } from 'vitest'
import type { Nbits } from '../../../format/segment.ts'
import { openSearcher } from '../../../runtime/openSearcher.ts'
import { openRangeSearcher } from '../../../runtime/rangeSearcher.ts'
import { memoryFiles } from '../../../runtime/readers/memory.ts'
import { kernelsModule } from '../../kernels/guardedMemory.ts'
import { randomQuery, randomSegment, seededRandom } from '../../kernels/randomSegment.ts'
import { indexOf } from './indexOf.ts'

function mixedLengths(seed: number, passages: number): number[] {
  const random = seededRandom(seed)
  return Array.from({ length: passages }, () => Math.max(0, Math.floor(random() * 14) - 2))
}

describe('a range searcher', () => {
  let kernels: WebAssembly.Module
  beforeAll(async () => {
    kernels = await kernelsModule('kernels.wasm')
  })

  it.each<Nbits>([1, 2, 4])('at %i bits gives passages the score bits of the resident pipeline', async (nbits) => {
    const data = randomSegment({ seed: nbits, dim: 48, nbits, centroidCount: 64, lengths: mixedLengths(nbits, 300) })
    const files = memoryFiles('made', await indexOf([data], { partBytes: 70_000 }))
    const resident = await openSearcher(files, { kernels })
    const range = await openRangeSearcher(files, { kernels })
    const query = { vectors: randomQuery(9, 32, 48, [3]), rows: 32, dim: 48 }
    // Every passage is rescored by either: all cells are probed, all candidates kept.
    const options = { k: 300, ncells: 64, centroidScoreThreshold: -1, ndocs: 1200 }
    const expected = await resident.search(query, options)
    const answer = await range.search(query, options)
    expect(answer.hits).toEqual(expected.hits)
    expect(answer.skipped).toBeUndefined()
  })
})
