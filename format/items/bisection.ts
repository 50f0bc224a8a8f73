/** Bisection over running sums: which item a position lies in. Row blocks, text blocks and passages are all found so. */

/**
 * The last item that starts at or before a position. Of items that start together, all but the last are empty, so the last is the one
 * that holds the position.
 *
 * @param starts - never falling; entries from `count` on (a total at the end) are not looked at
 * @param count - items, at least 1
 * @returns a number in [0, count); 0 when every item starts after the position
 */
export function lastStartAtOrBefore(starts: ArrayLike<number>, count: number, position: number): number {
  let low = 0
  let high = count - 1
  while (low < high) {
    const middle = (low + high + 1) >>> 1
    if ((starts[middle] ?? 0) <= position) low = middle
    else high = middle - 1
  }
  return low
}
