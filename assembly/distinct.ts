/**
 * The distinct codes of each passage, taken out of its row block once when a segment is placed. Half of the tokens of a text
 * share their centroid with an earlier one, and a list of its own is read straight through instead of once a block.
 */
import {
  SEGMENT_CENTROID_COUNT,
  SEGMENT_CODE_BYTES,
  SEGMENT_DIM,
  SEGMENT_NBITS,
  SEGMENT_PASSAGE_COUNT,
  SEGMENT_ROWS,
  SEGMENT_TOKEN_STARTS,
} from './layout'

/**
 * Writes u32[N + 1] at startsPtr, codes before each passage, and from cellsPtr on the distinct codes of passages 0..N-1, each
 * in the order of their first tokens.
 *
 *   lastPtr    u32[K], scratch: the last passage with a code, plus 1; set to 0 here
 *   cellsPtr   u16 or u32 [distinct codes + 1], as wide as codes: one more than counted is written and does not matter
 *
 * Returns the first pid with a code that is not below K, where it stops, or N. Reads token starts and codes.
 */
export function distinctCells(segment: usize, lastPtr: usize, startsPtr: usize, cellsPtr: usize): u32 {
  const codeBytes: usize = load<u32>(segment, SEGMENT_CODE_BYTES)
  const packedBytes = (load<u32>(segment, SEGMENT_DIM) * load<u32>(segment, SEGMENT_NBITS)) >> 3
  const tokenBytes: usize = codeBytes + 1 + <usize>packedBytes
  const passageCount: usize = load<u32>(segment, SEGMENT_PASSAGE_COUNT)
  const cellCount: usize = load<u32>(segment, SEGMENT_CENTROID_COUNT)
  const tokenStartsPtr: usize = load<u32>(segment, SEGMENT_TOKEN_STARTS)
  const rowsPtr: usize = load<u32>(segment, SEGMENT_ROWS)
  assert(((lastPtr | startsPtr) & 3) == 0)
  memory.fill(lastPtr, 0, cellCount << 2)
  let total: usize = 0
  for (let pid: usize = 0; pid < passageCount; pid++) {
    store<u32>(startsPtr + (pid << 2), <u32>total)
    const start: usize = load<u32>(tokenStartsPtr + (pid << 2))
    const end: usize = load<u32>(tokenStartsPtr + (pid << 2), 4)
    const codesPtr = rowsPtr + start * tokenBytes + (pid << 2)
    const codesEnd = codesPtr + (end - start) * codeBytes
    for (let codePtr = codesPtr; codePtr < codesEnd; codePtr += codeBytes) {
      const code: usize = codeBytes == 2 ? <usize>load<u16>(codePtr) : <usize>load<u32>(codePtr)
      if (code >= cellCount) return <u32>pid
      const seenPtr = lastPtr + (code << 2)
      if (codeBytes == 2) store<u16>(cellsPtr + (total << 1), <u16>code)
      else store<u32>(cellsPtr + (total << 2), <u32>code)
      // No branch: whether a code is new cannot be predicted.
      total += <usize>(load<u32>(seenPtr) != <u32>pid + 1)
      store<u32>(seenPtr, <u32>pid + 1)
    }
  }
  store<u32>(startsPtr + (passageCount << 2), <u32>total)
  return <u32>passageCount
}
