/** Sizes of calls to a device. */
import { describe, expect, it } from 'vitest'
import { chunkRowsOf } from '../../../builder/segment/graphSessions.ts'

describe('chunkRowsOf', () => {
  // By hand: 2^21 (CPU) or 2^26 (GPU) scores over the centroids, between 32 and 1,024 (CPU) or 8,192 (GPU).
  it.each([
    ['cpu', 1, 1024],
    ['cpu', 3000, 512],
    ['cpu', 8192, 256],
    ['cpu', 2 ** 20, 32],
    ['webgpu', 8192, 8192],
    ['cuda', 2 ** 18, 256],
  ] as const)('bounds the scores of a call on %s with %i centroids: %i rows', (device, centroids, rows) => {
    expect(chunkRowsOf({ device }, centroids)).toBe(rows)
  })

  it('takes the number that was asked for', () => {
    expect(chunkRowsOf({ chunkRows: 7 }, 8192)).toBe(7)
  })
})
