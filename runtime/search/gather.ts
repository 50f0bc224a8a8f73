/** Gather: the passages in the posting lists of probed cells, or straight those of a filter. PLAID stage 2. */
import { FormatError } from '../../format/errors.ts'
import type { SegmentBlock } from '../kernels/blocks.ts'
import { bitmapBytes, type CandidateRegions, type Kernels } from '../kernels/kernels.ts'
import { STATUS_LENGTH, STATUS_OFFSETS, STATUS_OK, STATUS_PID, STATUS_VARINT } from '../kernels/layout.ts'

const promises: Readonly<Record<number, string>> = {
  [STATUS_OFFSETS]: 'ascending offsets inside the postings',
  [STATUS_LENGTH]: 'a list of no bytes or at least 5',
  [STATUS_VARINT]: 'whole LEB128 numbers of at most 5 bytes in shortest form',
  [STATUS_PID]: 'pids below the number of passages',
}

/**
 * Candidates of the marked cells, ascending.
 *
 * @param filter - address of a pid bitmap (`placeBitmap`) that a candidate must be in
 * @throws FormatError on a malformed list; cannot happen on a segment that was checked when it was created
 */
export function gatherCandidates(
  kernels: Kernels,
  segment: SegmentBlock,
  marks: number,
  filter?: number,
): CandidateRegions {
  const { passageCount } = segment
  const bitmap = placeBitmap(kernels, passageCount, [])
  gatherLists(kernels, segment, marks, bitmap)
  const regions = { bitmap, filter, passageCount }
  const count = kernels.countPids(regions)
  const pids = kernels.arena.allocate(count * 4)
  kernels.collectPids(regions, pids)
  return { pids, count, scores: kernels.arena.allocate(count * 4) }
}

/** Candidates that are already known: u32 pids copied into memory. */
export function placeCandidates(kernels: Kernels, pids: Uint32Array): CandidateRegions {
  const address = kernels.arena.allocate(pids.length * 4)
  const scores = kernels.arena.allocate(pids.length * 4)
  new Uint32Array(kernels.memory.buffer, address, pids.length).set(pids)
  return { pids: address, count: pids.length, scores }
}

/** @returns address of a bitmap in the arena that holds these pids, each below passageCount */
export function placeBitmap(kernels: Kernels, passageCount: number, pids: Iterable<number>): number {
  const length = bitmapBytes(passageCount)
  const address = kernels.arena.allocate(length)
  const words = new Uint32Array(kernels.memory.buffer, address, length / 4).fill(0)
  for (const pid of pids) words[pid >>> 5] = (words[pid >>> 5] ?? 0) | (1 << (pid & 31))
  return address
}

/** @throws FormatError naming the first list that is not as SPEC.md promises */
export function gatherLists(kernels: Kernels, segment: SegmentBlock, marks: number, bitmap: number): void {
  const { status, cell } = kernels.gather(segment, marks, bitmap)
  if (status !== STATUS_OK) {
    throw new FormatError(
      'postings',
      promises[status] ?? 'a well-formed list',
      `something else in the list of cell ${cell}`,
    )
  }
}
