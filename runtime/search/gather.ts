/** Gather: the passages in the posting lists of probed cells. PLAID stage 2. */
import { FormatError } from '../../format/errors.ts'
import type { SegmentBlock } from '../kernels/blocks.ts'
import { bitmapBytes, type CandidateRegions, type Kernels } from '../kernels/kernels.ts'
import { STATUS_LENGTH, STATUS_OFFSETS, STATUS_OK, STATUS_PID, STATUS_VARINT } from '../kernels/layout.ts'
import type { PassageBitmap } from '../passages/bitmap.ts'

const promises: Readonly<Record<number, string>> = {
  [STATUS_OFFSETS]: 'ascending offsets inside the postings',
  [STATUS_LENGTH]: 'a list of no bytes or at least 5',
  [STATUS_VARINT]: 'whole LEB128 numbers of at most 5 bytes in shortest form',
  [STATUS_PID]: 'pids below the number of passages',
}

/** @returns address of an empty pid bitmap in the arena, or of a copy of the one given */
export function placeBitmap({ arena, memory }: Kernels, passageCount: number, bitmap?: PassageBitmap): number {
  const length = bitmapBytes(passageCount)
  const address = arena.allocate(length)
  const words = new Uint32Array(memory.buffer, address, length / 4)
  if (bitmap) words.set(bitmap.words)
  else words.fill(0)
  return address
}

/** Candidates that are already known: u32 pids copied into memory. */
export function placeCandidates({ arena, memory }: Kernels, pids: Uint32Array): CandidateRegions {
  const address = arena.allocate(pids.length * 4)
  const scores = arena.allocate(pids.length * 4)
  new Uint32Array(memory.buffer, address, pids.length).set(pids)
  return { pids: address, count: pids.length, scores }
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
