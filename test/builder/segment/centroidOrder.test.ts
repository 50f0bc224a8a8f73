/** Numbering of centroids by similarity. */
import { describe, expect, it } from 'vitest'
import { orderCentroids, permuteRows } from '../../../builder/segment/centroidOrder.ts'
import { seededRandom } from '../../../builder/segment/sampling.ts'
import { clusteredVectors } from './clusteredVectors.ts'

function distance(table: Float32Array, dim: number, a: number, b: number): number {
  let square = 0
  for (let d = 0; d < dim; d++) square += (table[a * dim + d]! - table[b * dim + d]!) ** 2
  return Math.sqrt(square)
}

describe('orderCentroids', () => {
  it.each([1, 2, 3, 4, 37, 256])('gives a permutation of %i centroids', (count) => {
    const order = orderCentroids(clusteredVectors({ rows: count, dim: 32 }), 32)
    expect(Array.from(order).sort((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, index) => index))
  })

  it('puts centroids on a line in the order of the line', () => {
    // One direction only: bisection at medians along it is sorting; the line may run either way.
    const places = [5, 1, 7, 3, 0, 6, 2, 4]
    const table = new Float32Array(places.length * 32)
    places.forEach((place, row) => {
      table[row * 32 + 3] = place
    })
    const ordered = Array.from(orderCentroids(table, 32), (row) => places[row]!)
    expect([ordered, ordered.toReversed()]).toContainEqual([0, 1, 2, 3, 4, 5, 6, 7])
  })

  it('puts members of a cluster next to each other', () => {
    const dim = 48
    const table = clusteredVectors({ rows: 512, dim, clusters: 16, noise: 0.3 })
    const ordered = permuteRows(table, dim, orderCentroids(table, dim))
    const random = seededRandom(9)
    let near = 0
    let far = 0
    for (let row = 1; row < 512; row++) {
      near += distance(ordered, dim, row - 1, row)
      far += distance(ordered, dim, random() % 512, random() % 512)
    }
    // Random members of 16 clusters are about 1.3 apart, members of one about 0.42.
    expect(near / far).toBeLessThan(0.5)
  })

  it('orders equal centroids by their number', () => {
    expect(Array.from(orderCentroids(new Float32Array(5 * 32).fill(0.1), 32))).toEqual([0, 1, 2, 3, 4])
  })
})

describe('permuteRows', () => {
  it('gives as many rows as are named, as ordering more passages than one block holds needs', () => {
    const table = Float32Array.from({ length: 12 }, (_, at) => at)
    expect(Array.from(permuteRows(table, 4, Uint32Array.of(2, 0)))).toEqual([8, 9, 10, 11, 0, 1, 2, 3])
  })
})
