/** Seeded random segments and queries: well-formed bytes without meaning, enough to compare kernels with their twins. */
import { codeBytesOf, residualBytesOf, rowBlockBytes } from '../../format/items/rowBlock.ts'
import type { Nbits, SegmentData } from '../../format/manifest/segment.ts'
import { crc32c } from '../../reference/kernels.ts'

/** Mulberry32 (T. Ettinger, public domain): u32 state, numbers in [0, 1). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

export interface SegmentOptions {
  readonly seed: number
  readonly dim: number
  readonly nbits: Nbits
  readonly centroidCount: number
  /** Tokens of each passage. */
  readonly lengths: readonly number[]
}

export function randomSegment({ seed, dim, nbits, centroidCount, lengths }: SegmentOptions): SegmentData {
  const random = seededRandom(seed)
  const integer = (limit: number) => Math.floor(random() * limit)
  const passageCodes = lengths.map((tokens) => {
    // Half of the tokens of a passage come from a few cells, so that some passages share cells and scores tie.
    const near = integer(centroidCount)
    return Array.from({ length: tokens }, () =>
      random() < 0.5 ? (near + integer(3)) % centroidCount : integer(centroidCount),
    )
  })
  const rows = Buffer.concat(passageCodes.map((codes) => rowBlock(codes, { dim, nbits, centroidCount, integer })))
  const buckets = 2 ** nbits
  return {
    dim,
    codec: {
      nbits,
      bucketCutoffs: Float32Array.from({ length: buckets - 1 }, (_, index) => ((index + 1) / buckets - 0.5) * 0.2),
      bucketWeights: Float32Array.from({ length: buckets }, (_, index) => ((index + 0.5) / buckets - 0.5) * 0.2),
      inverseNormMin: 0.8,
      inverseNormStep: 0.4 / 255,
    },
    centroids: Int8Array.from({ length: centroidCount * dim }, () => integer(255) - 127),
    centroidScales: Float32Array.from({ length: centroidCount }, () => (0.5 + random()) / (73 * Math.sqrt(dim))),
    passageLengths: Uint16Array.from(lengths),
    rows: new Uint8Array(rows),
    ...postingsOf(passageCodes, centroidCount),
  }
}

/** f32[rows][dim] of about unit rows; rows in `zeroRows` are zero. */
export function randomQuery(seed: number, rows: number, dim: number, zeroRows: readonly number[] = []): Float32Array {
  const random = seededRandom(seed)
  return Float32Array.from({ length: rows * dim }, (_, index) =>
    zeroRows.includes(Math.floor(index / dim)) ? 0 : ((random() - 0.5) * 3.4) / Math.sqrt(dim),
  )
}

interface BlockOptions {
  readonly dim: number
  readonly nbits: Nbits
  readonly centroidCount: number
  readonly integer: (limit: number) => number
}

function rowBlock(codes: readonly number[], { dim, nbits, centroidCount, integer }: BlockOptions): Buffer {
  const block = Buffer.alloc(rowBlockBytes(codes.length, { dim, nbits, centroids: centroidCount }))
  const codeBytes = codeBytesOf(centroidCount)
  for (const [token, code] of codes.entries()) block.writeUIntLE(code, token * codeBytes, codeBytes)
  const residuals = codes.length * (1 + residualBytesOf(dim, nbits))
  for (let index = 0; index < residuals; index++) block[codes.length * codeBytes + index] = integer(256)
  block.writeUInt32LE(crc32c(block.subarray(0, -4)), block.length - 4)
  return block
}

/** Posting lists from the codes of each passage, by the sentence in SPEC.md §5.2. */
export function postingsOf(
  passageCodes: readonly (readonly number[])[],
  centroidCount: number,
): { postingOffsets: Uint32Array; postings: Uint8Array } {
  const lists = Array.from({ length: centroidCount }, () => new Set<number>())
  for (const [pid, codes] of passageCodes.entries()) for (const code of codes) lists[code]!.add(pid)
  const postingOffsets = new Uint32Array(centroidCount + 1)
  const bytes: number[] = []
  for (const [cell, pids] of lists.entries()) {
    if (pids.size > 0) bytes.push(...postingList([...pids]))
    postingOffsets[cell + 1] = bytes.length
  }
  return { postingOffsets, postings: Uint8Array.from(bytes) }
}

/** One posting list with its CRC. */
export function postingList(pids: readonly number[]): number[] {
  const bytes: number[] = []
  let previous = -1
  for (const pid of pids) {
    let delta = pid - previous - 1
    for (; delta >= 128; delta = Math.floor(delta / 128)) bytes.push((delta % 128) | 128)
    bytes.push(delta)
    previous = pid
  }
  const crc = crc32c(Uint8Array.from(bytes))
  return [...bytes, crc & 255, (crc >>> 8) & 255, (crc >>> 16) & 255, crc >>> 24]
}
