/**
 * Numbers centroids so that similar ones have near numbers, and posting lists that are probed together lie together in
 * a file. Own method: recursive bisection at the median along the direction in which a set of centroids varies most.
 */

/** Sets larger than this estimate their direction from every n-th member; it needs no more. */
const DIRECTION_MEMBERS_MAX = 4096
/** Power iterations; the direction only has to separate, not to converge. */
const POWER_ITERATIONS = 8

/**
 * @param centroids - f32[count][dim]
 * @returns u32[count]: which centroid gets number 0, 1, … — a permutation. O(count · log count · dim)
 */
export function orderCentroids(centroids: Float32Array, dim: number): Uint32Array {
  const order = Uint32Array.from({ length: centroids.length / dim }, (_, index) => index)
  // Directions keep to their parent's side, so that the half next to a neighbour is the one that resembles it.
  bisect(order, centroids, new Float64Array(dim).fill(1))
  return order
}

/** @returns f32[order.length][dim]: rows of `table` in their new order; not all of them where `order` does not name all */
export function permuteRows(table: Float32Array, dim: number, order: Uint32Array): Float32Array {
  const permuted = new Float32Array(order.length * dim)
  order.forEach((from, to) => {
    permuted.set(table.subarray(from * dim, (from + 1) * dim), to * dim)
  })
  return permuted
}

function bisect(members: Uint32Array, centroids: Float32Array, parent: Float64Array): void {
  if (members.length < 3) return
  const direction = principalDirection(members, centroids, parent)
  const dim = direction.length
  const projected = Array.from(members, (member) => ({ member, at: project(centroids, member * dim, direction) }))
  projected.sort((a, b) => a.at - b.at || a.member - b.member)
  projected.forEach(({ member }, index) => {
    members[index] = member
  })
  const middle = members.length >> 1
  bisect(members.subarray(0, middle), centroids, direction)
  bisect(members.subarray(middle), centroids, direction)
}

/** First principal component by power iteration, started at the parent's direction and turned to its side. */
function principalDirection(members: Uint32Array, centroids: Float32Array, parent: Float64Array): Float64Array {
  const dim = parent.length
  const stride = Math.ceil(members.length / DIRECTION_MEMBERS_MAX)
  const seen = members.filter((_, index) => index % stride === 0)
  const mean = new Float64Array(dim)
  for (const member of seen) {
    for (let d = 0; d < dim; d++) mean[d] = (mean[d] ?? 0) + (centroids[member * dim + d] ?? 0) / seen.length
  }
  let direction = startDirection(seen, centroids, mean)
  for (let iteration = 0; iteration < POWER_ITERATIONS; iteration++) {
    const offset = project(mean, 0, direction)
    const next = new Float64Array(dim)
    for (const member of seen) {
      const weight = project(centroids, member * dim, direction) - offset
      for (let d = 0; d < dim; d++) {
        next[d] = (next[d] ?? 0) + weight * ((centroids[member * dim + d] ?? 0) - (mean[d] ?? 0))
      }
    }
    const length = Math.hypot(...next)
    // All members are equal: any direction will do, and order by number decides.
    if (length < 1e-12) break
    direction = next.map((value) => value / length)
  }
  return project(parent, 0, direction) < 0 ? direction.map((value) => -value) : direction
}

/** From the mean to the member farthest from it: never orthogonal to everything that varies. */
function startDirection(members: Uint32Array, centroids: Float32Array, mean: Float64Array): Float64Array {
  const dim = mean.length
  let farthest = new Float64Array(dim)
  let largest = -1
  for (const member of members) {
    const difference = mean.map((value, d) => (centroids[member * dim + d] ?? 0) - value)
    const square = project(difference, 0, difference)
    if (square > largest) {
      largest = square
      farthest = difference
    }
  }
  return farthest
}

function project(values: Float32Array | Float64Array, start: number, direction: Float64Array): number {
  let sum = 0
  for (let d = 0; d < direction.length; d++) sum += (values[start + d] ?? 0) * (direction[d] ?? 0)
  return sum
}
