/** Orders in which neighbours of a graph stand near each other. */
import { describe, expect, it } from 'vitest'
import { adjacencyOf, refineOrder } from '../../../builder/segment/graphOrder.ts'
import { nearestNeighbours } from '../../../builder/segment/graphSessions.ts'
import { seededRandom } from '../../../builder/segment/sampling.ts'
import { clusteredVectors } from './clusteredVectors.ts'

/** Neighbours of each node on a line, two to either side, the ends closed. */
function lineOf(nodes: number): Int32Array {
  const clamp = (node: number) => Math.max(0, Math.min(nodes - 1, node))
  return Int32Array.from({ length: nodes * 4 }, (_, at) => clamp((at >> 2) + [-2, -1, 1, 2][at & 3]!))
}

function shuffled(nodes: number, seed: number): Uint32Array {
  const random = seededRandom(seed)
  const order = Uint32Array.from({ length: nodes }, (_, node) => node)
  for (let at = nodes - 1; at > 0; at--) {
    const other = random() % (at + 1)
    ;[order[at], order[other]] = [order[other]!, order[at]!]
  }
  return order
}

/** Mean distance in the order between the ends of an edge. */
function edgeLength(order: Uint32Array, neighbours: Int32Array, degree: number): number {
  const places = new Uint32Array(order.length)
  order.forEach((node, place) => {
    places[node] = place
  })
  const sum = neighbours.reduce((total, to, at) => total + Math.abs(places[Math.floor(at / degree)]! - places[to]!), 0)
  return sum / neighbours.length
}

describe('refineOrder', () => {
  it.each([1, 2, 3, 5, 64, 333])('keeps a permutation of %i nodes', (nodes) => {
    const order = shuffled(nodes, nodes)
    refineOrder(order, adjacencyOf(lineOf(nodes), 4))
    expect(Array.from(order).sort((a, b) => a - b)).toEqual(Array.from({ length: nodes }, (_, node) => node))
  })

  it('brings the ends of edges near each other, from any order', () => {
    // 16 groups of 64 nodes that each know 8 others of their own group.
    const random = seededRandom(4)
    const neighbours = Int32Array.from({ length: 1024 * 8 }, (_, at) => ((at >> 3) & 15) + 16 * (random() % 64))
    const order = shuffled(1024, 3)
    // Of a random order, a third of the nodes: 341.
    expect(edgeLength(order, neighbours, 8)).toBeGreaterThan(300)
    refineOrder(order, adjacencyOf(neighbours, 8))
    // Two random members of a group of 64 that stands together are 21 apart.
    expect(edgeLength(order, neighbours, 8)).toBeLessThan(30)
  })

  it('gives the same order again', () => {
    const order = () => {
      const nodes = shuffled(500, 8)
      refineOrder(nodes, adjacencyOf(lineOf(500), 4))
      return nodes
    }
    expect(order()).toEqual(order())
  })
})

describe('adjacencyOf', () => {
  it('has every edge from either end, and none from a node to itself', () => {
    const { starts, targets } = adjacencyOf(Int32Array.of(0, 1, 2, 1, 1, 2), 2)
    const of = (node: number) => [...targets.subarray(starts[node]!, starts[node + 1]!)]
    // 0 → 1, 1 → 2, 2 → 1; 0 → 0, 1 → 1 and 2 → 2 are left out.
    expect([of(0), of(1), of(2)]).toEqual([[1], [0, 2, 2], [1, 1]])
  })
})

describe('nearestNeighbours', () => {
  it('finds the largest dot products, the most similar first', async () => {
    const [dim, count, degree] = [32, 300, 5]
    const vectors = clusteredVectors({ rows: count, dim, clusters: 12, noise: 0.4 })
    const found = await nearestNeighbours({ dim, count, vectors }, degree, {})
    const product = (a: number, b: number) => {
      let sum = 0
      for (let d = 0; d < dim; d++) sum += vectors[a * dim + d]! * vectors[b * dim + d]!
      return sum
    }
    for (let row = 0; row < count; row += 7) {
      const expected = Array.from({ length: count }, (_, other) => product(row, other)).sort((a, b) => b - a)
      const got = Array.from(found.subarray(row * degree, (row + 1) * degree), (other) => product(row, other))
      // By value: two products may be closer than f32 tells.
      for (const [i, value] of got.entries()) expect(Math.abs(value - expected[i]!)).toBeLessThan(1e-5)
    }
  })
})
