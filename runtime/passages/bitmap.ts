/** Sets of passages of one segment as bitmaps: what a filter allows, what is not deleted. Plain values, so that threads can be sent them. */

/** Bit `pid % 32` of word `pid / 32`; bits from the number of passages on are 0. */
export interface PassageBitmap {
  /** u32[4 * ceil(passages / 128)], as the kernels read them. */
  readonly words: Uint32Array
  /** Bits that are set. */
  readonly count: number
}

/** Words of a bitmap: whole vectors of 128 bits. */
export function bitmapWords(passages: number): number {
  return Math.ceil(passages / 128) * 4
}

/** @param pids - each below `passages`, in any order */
export function bitmapOf(passages: number, pids: Iterable<number>): PassageBitmap {
  const words = new Uint32Array(bitmapWords(passages))
  let count = 0
  for (const pid of pids) {
    const [word, bit] = [words[pid >>> 5] ?? 0, 1 << (pid & 31)]
    if ((word & bit) === 0) count++
    words[pid >>> 5] = word | bit
  }
  return { words, count }
}

/** Passages of which it is true. */
export function bitmapWhere(passages: number, isIn: (pid: number) => boolean): PassageBitmap {
  const words = new Uint32Array(bitmapWords(passages))
  let count = 0
  for (let pid = 0; pid < passages; pid++) {
    if (!isIn(pid)) continue
    words[pid >>> 5] = (words[pid >>> 5] ?? 0) | (1 << (pid & 31))
    count++
  }
  return { words, count }
}

export function bitmapHas({ words }: PassageBitmap, pid: number): boolean {
  return (((words[pid >>> 5] ?? 0) >>> (pid & 31)) & 1) === 1
}

/** Ascending. */
export function pidsOf({ words, count }: PassageBitmap): Uint32Array {
  const pids = new Uint32Array(count)
  let at = 0
  for (const [index, word] of words.entries()) {
    for (let bits = word; bits !== 0; bits &= bits - 1) pids[at++] = index * 32 + (31 - Math.clz32(bits & -bits))
  }
  return pids
}
