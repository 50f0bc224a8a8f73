/**
 * Row blocks: the codes, inverse norms and residuals of one passage's token vectors, with a CRC32C (SPEC.md §5.1). A block writes,
 * checks, reads and locates itself here.
 */
import { crc32c as crc32cOf } from '../container/crc32c.ts'
import { ChecksumError, FormatError } from '../errors.ts'

/** Bits of a residual value. */
export type Nbits = 1 | 2 | 4

const CRC_BYTES = 4

/** What the layout of a row block follows from, besides its number of tokens. */
export interface RowShape {
  /** Values a token vector. */
  readonly dim: number
  readonly nbits: Nbits
  /** K. */
  readonly centroids: number
}

/** Coded token vectors, of one passage or of consecutive ones. */
export interface CodedTokens {
  /** u32[tokens], each below K. */
  readonly codes: Uint32Array | Int32Array
  /** u8[tokens]. */
  readonly inverseNorms: Uint8Array
  /** u8[tokens][dim * nbits / 8]. */
  readonly residuals: Uint8Array
}

/** The shape of the blocks of a segment, or of whatever else names its codec and its number of centroids. */
export function rowShapeOf(
  dim: number,
  { codec, centroids }: { readonly codec: { readonly nbits: Nbits }; readonly centroids: number },
): RowShape {
  return { dim, nbits: codec.nbits, centroids }
}

/** Bytes of one code. */
export function codeBytesOf(centroids: number): 2 | 4 {
  return centroids > 65_536 ? 4 : 2
}

/** Bytes of one packed residual row. */
export function residualBytesOf(dim: number, nbits: Nbits): number {
  return (dim * nbits) / 8
}

/** Bytes of one token in a block: its code, its inverse norm and its residual row. */
export function tokenBytesOf({ dim, nbits, centroids }: RowShape): number {
  return codeBytesOf(centroids) + 1 + residualBytesOf(dim, nbits)
}

/** Bytes of the block of a passage with so many tokens, its CRC included. */
export function rowBlockBytes(tokens: number, shape: RowShape): number {
  return rowBlocksBytes(1, tokens, shape)
}

/** Bytes of the blocks of so many passages with so many tokens in all; so also where the block after them starts. */
export function rowBlocksBytes(passages: number, tokens: number, shape: RowShape): number {
  return tokens * tokenBytesOf(shape) + passages * CRC_BYTES
}

/**
 * Where the block of a passage stands in the section `rows`.
 * @param passage - `pid`, the sum of the tokens of the passages before it, and its own
 */
export function locateRowBlock(
  passage: { readonly pid: number; readonly tokensBefore: number; readonly tokens: number },
  shape: RowShape,
): { readonly offset: number; readonly length: number } {
  const { pid, tokensBefore, tokens } = passage
  return { offset: rowBlocksBytes(pid, tokensBefore, shape), length: rowBlockBytes(tokens, shape) }
}

/** The `nbits` lowest bits of a value in reverse order: how the bucket of a residual value is stored (SPEC.md §5.1), and back. */
export function reverseBits(value: number, nbits: number): number {
  let reversed = 0
  for (let bit = 0; bit < nbits; bit++) reversed |= ((value >> bit) & 1) << (nbits - 1 - bit)
  return reversed
}

/**
 * What a residual byte decodes to.
 * @param bucketWeights - f32[2^nbits]
 * @returns f32[256][8 / nbits], for each byte the weights of its values in order of dimension
 */
export function weightsOfBytes(bucketWeights: Float32Array, nbits: Nbits): Float32Array {
  const perByte = 8 / nbits
  return Float32Array.from({ length: 256 * perByte }, (_, at) => {
    const byte = Math.floor(at / perByte)
    const stored = (byte >> (8 - nbits * ((at % perByte) + 1))) & (2 ** nbits - 1)
    return bucketWeights[reverseBits(stored, nbits)] ?? 0
  })
}

/**
 * The blocks of consecutive passages, one after another.
 * @param coded - of all their tokens, in order
 * @param lengths - tokens of each passage; their sum is the number of tokens coded
 */
export function encodeRowBlocks(coded: CodedTokens, lengths: ArrayLike<number>, shape: RowShape): Uint8Array {
  const codeBytes = codeBytesOf(shape.centroids)
  const width = residualBytesOf(shape.dim, shape.nbits)
  const bytes = new Uint8Array(rowBlocksBytes(lengths.length, coded.codes.length, shape))
  const view = new DataView(bytes.buffer)
  let at = 0
  let token = 0
  for (let passage = 0; passage < lengths.length; passage++) {
    const start = at
    const end = token + (lengths[passage] ?? 0)
    for (const code of coded.codes.subarray(token, end)) {
      if (codeBytes === 2) view.setUint16(at, code, true)
      else view.setUint32(at, code, true)
      at += codeBytes
    }
    bytes.set(coded.inverseNorms.subarray(token, end), at)
    at += end - token
    bytes.set(coded.residuals.subarray(token * width, end * width), at)
    at += (end - token) * width
    view.setUint32(at, crc32cOf(bytes.subarray(start, at)), true)
    at += CRC_BYTES
    token = end
  }
  return bytes
}

/**
 * The parts of a block that was checked before.
 * @param block - `rowBlockBytes(tokens, shape)` bytes
 * @returns codes as a copy; inverse norms and residuals as windows of the block
 */
export function decodeRowBlock(block: Uint8Array, tokens: number, shape: RowShape): CodedTokens {
  const codeBytes = codeBytesOf(shape.centroids)
  const view = new DataView(block.buffer, block.byteOffset, block.byteLength)
  const codes = new Uint32Array(tokens)
  for (let token = 0; token < tokens; token++) {
    codes[token] = codeBytes === 2 ? view.getUint16(token * 2, true) : view.getUint32(token * 4, true)
  }
  const norms = tokens * codeBytes
  return {
    codes,
    inverseNorms: block.subarray(norms, norms + tokens),
    residuals: block.subarray(norms + tokens, block.length - CRC_BYTES),
  }
}

/**
 * Checks a block's length, its CRC32C, and its codes against the number of centroids.
 * @param passage - `pid` names the block in errors
 * @returns its parts, as `decodeRowBlock`
 * @throws FormatError, ChecksumError
 */
export function requireRowBlock(
  block: Uint8Array,
  { pid, tokens }: { readonly pid: number; readonly tokens: number },
  shape: RowShape,
  crc32c: (bytes: Uint8Array) => number = crc32cOf,
): CodedTokens {
  const name = `row block of passage ${pid}`
  const length = rowBlockBytes(tokens, shape)
  if (block.length !== length) throw new FormatError(name, `${length} bytes`, block.length)
  const end = length - CRC_BYTES
  const expected = new DataView(block.buffer, block.byteOffset, block.byteLength).getUint32(end, true)
  const got = crc32c(block.subarray(0, end))
  if (got !== expected) throw new ChecksumError(name, expected, got)
  const parts = decodeRowBlock(block, tokens, shape)
  for (const code of parts.codes) {
    if (code >= shape.centroids) throw new FormatError(name, `codes below ${shape.centroids}`, code)
  }
  return parts
}
