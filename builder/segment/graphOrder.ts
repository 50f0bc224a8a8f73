/**
 * An order in which neighbours of a graph stand near each other: recursive bisection, where members of the two halves are exchanged
 * as long as that leaves fewer edges between them. Sources: Kernighan and Lin, 1970; exchange of whole sorted lists as in
 * Dhulipala et al., Compressing Graphs and Indexes with Recursive Graph Bisection, KDD 2016.
 */

/** Neighbours of each node, one list after another. */
export interface Adjacency {
  /** u32[nodes + 1]. */
  readonly starts: Uint32Array
  readonly targets: Uint32Array
}

/** Rounds of exchanges of one bisection; most end sooner because nothing is gained. */
const ROUNDS_MAX = 20
/** Share of a set that is exchanged in a round: gains are those before the round, so not too many at once. */
const EXCHANGED_SHARE = 1 / 8
/** Sets that are not divided further: within so few, order hardly matters. */
const LEAF_MEMBERS = 4
/** Gains are counted up to here; a node of more edges is as sure. */
const GAIN_MAX = 256

/**
 * @param order - a permutation of the nodes to start from; changed in place. What it has apart stays roughly apart
 */
export function refineOrder(order: Uint32Array, graph: Adjacency): void {
  // Half a node is in while its set is divided: 0 for nodes outside the set.
  const halves = new Uint8Array(order.length)
  const divide = (start: number, end: number): void => {
    if (end - start <= LEAF_MEMBERS) return
    const middle = (start + end) >> 1
    for (let at = start; at < end; at++) halves[order[at] ?? 0] = at < middle ? 1 : 2
    const members = order.subarray(start, end)
    for (let round = 0; round < ROUNDS_MAX && exchange(members, halves, graph) > 0; round++);
    split(members, halves)
    for (const member of members) halves[member] = 0
    divide(start, middle)
    divide(middle, end)
  }
  divide(0, order.length)
}

/** Exchanges the members of the two halves that gain most by it, pair by pair. @returns pairs exchanged */
function exchange(members: Uint32Array, halves: Uint8Array, graph: Adjacency): number {
  const gains = gainsOf(members, halves, graph)
  const left = byGain(members, gains, (member) => halves[member] === 1)
  const right = byGain(members, gains, (member) => halves[member] === 2)
  const pairsMax = Math.min(left.length, right.length, Math.ceil(members.length * EXCHANGED_SHARE))
  let pairs = 0
  while (pairs < pairsMax) {
    const [a = 0, b = 0] = [left[pairs], right[pairs]]
    if ((gains[a] ?? 0) + (gains[b] ?? 0) <= 0) break
    halves[members[a] ?? 0] = 2
    halves[members[b] ?? 0] = 1
    pairs++
  }
  return pairs
}

/** Edges to the other half less edges to the own one, of each member; edges that leave the set do not count. */
function gainsOf(members: Uint32Array, halves: Uint8Array, { starts, targets }: Adjacency): Int16Array {
  const gains = new Int16Array(members.length)
  for (let at = 0; at < members.length; at++) {
    const member = members[at] ?? 0
    const own = halves[member]
    const end = starts[member + 1] ?? 0
    let gain = 0
    for (let edge = starts[member] ?? 0; edge < end; edge++) {
      const half = halves[targets[edge] ?? 0]
      if (half !== 0) gain += half === own ? -1 : 1
    }
    gains[at] = Math.max(-GAIN_MAX, Math.min(GAIN_MAX, gain))
  }
  return gains
}

/** Places of the members that are chosen, the largest gain first, equal ones in their order. A counting sort. */
function byGain(members: Uint32Array, gains: Int16Array, isChosen: (member: number) => boolean): Uint32Array {
  const counts = new Uint32Array(2 * GAIN_MAX + 2)
  let count = 0
  for (let at = 0; at < members.length; at++) {
    if (!isChosen(members[at] ?? 0)) continue
    const bucket = GAIN_MAX - (gains[at] ?? 0) + 1
    counts[bucket] = (counts[bucket] ?? 0) + 1
    count++
  }
  for (let bucket = 1; bucket < counts.length; bucket++) {
    counts[bucket] = (counts[bucket] ?? 0) + (counts[bucket - 1] ?? 0)
  }
  const places = new Uint32Array(count)
  for (let at = 0; at < members.length; at++) {
    if (!isChosen(members[at] ?? 0)) continue
    const bucket = GAIN_MAX - (gains[at] ?? 0)
    const place = counts[bucket] ?? 0
    places[place] = at
    counts[bucket] = place + 1
  }
  return places
}

/** Members of half 1 first, each half in the order it had. */
function split(members: Uint32Array, halves: Uint8Array): void {
  const second = members.filter((member) => halves[member] === 2)
  let at = 0
  for (const member of members) if (halves[member] === 1) members[at++] = member
  members.set(second, at)
}

/** Both directions of edges from each node to its `degree` neighbours, u32[nodes][degree]; edges to itself left out. */
export function adjacencyOf(neighbours: Int32Array | Uint32Array, degree: number): Adjacency {
  const nodes = neighbours.length / degree
  const starts = new Uint32Array(nodes + 1)
  const forEachEdge = (visit: (from: number, to: number) => void) => {
    for (let at = 0; at < neighbours.length; at++) {
      const [from, to] = [Math.floor(at / degree), neighbours[at] ?? 0]
      if (from === to) continue
      visit(from, to)
      visit(to, from)
    }
  }
  forEachEdge((from) => {
    starts[from + 1] = (starts[from + 1] ?? 0) + 1
  })
  for (let node = 0; node < nodes; node++) starts[node + 1] = (starts[node + 1] ?? 0) + (starts[node] ?? 0)
  const targets = new Uint32Array(starts[nodes] ?? 0)
  const next = starts.slice()
  forEachEdge((from, to) => {
    const at = next[from] ?? 0
    targets[at] = to
    next[from] = at + 1
  })
  return { starts, targets }
}
