/** What each variant of the study reads beside the passages, and where everything lies in its memory. */
import { reverseBits } from '../../../format/items/rowBlock.ts'
import { CENTROIDS, ROWS, type StudyData } from './studyData.ts'

export interface Variant {
  /** As exported by assembly/study/index.ts. */
  readonly name: string
  readonly kind: 'bytes' | 'nibbles' | 'scan' | 'dot' | 'relaxed'
  /** False where only its time is right. */
  readonly checked: boolean
  /** Units that rounding may add up to. */
  readonly unitsOf: (data: StudyData) => number
}

/** Half a unit an entry at worst, and two for cell and norm. */
const entries = (perByte: number) => (data: StudyData) => data.rowBytes * perByte * 0.5 + 2
/** Int8 rounding of query and weights: half a step of each, times the other, for every dim. */
const products = ({ dim, query, weights, units }: StudyData) => {
  const most = Math.max(...query.map(Math.abs)) * Math.max(...weights.map(Math.abs))
  return (dim * most) / 127 / Math.min(...units) + 2
}

export const VARIANTS: readonly Variant[] = [
  { name: 'decodeDot', kind: 'dot', checked: true, unitsOf: products },
  { name: 'relaxedDot', kind: 'relaxed', checked: true, unitsOf: products },
  { name: 'fastScan', kind: 'scan', checked: true, unitsOf: entries(2) },
  { name: 'fastScanTransposed', kind: 'scan', checked: false, unitsOf: entries(2) },
  { name: 'nibbleTables', kind: 'nibbles', checked: true, unitsOf: entries(2) },
  { name: 'byteTables', kind: 'bytes', checked: true, unitsOf: entries(1) },
  { name: 'blockedTables', kind: 'bytes', checked: true, unitsOf: entries(1) },
]

export interface VariantTables {
  readonly tables: Uint8Array
  /** i16[CENTROIDS][ROWS]: cell scores in units, with what the tables leave out. */
  readonly cells: Int16Array
}

export function variantTables({ kind }: Variant, data: StudyData): VariantTables {
  if (kind === 'dot') return dotTables(data)
  if (kind === 'relaxed') return relaxedTables(data)
  return lookUpTables(data, kind)
}

/** Places of rows in an entry whose u16 lanes hold rows j and j + 8. */
const pairedRow = (row: number) => (row & 16) + ((row & 7) << 1) + ((row >> 3) & 1)

function lookUpTables(data: StudyData, kind: 'bytes' | 'nibbles' | 'scan'): VariantTables {
  const { dim, nbits, rowBytes, weights, query, units } = data
  const bits = kind === 'bytes' ? 8 : 4
  const groups = (rowBytes * 8) / bits
  const dims = bits / nbits
  const values = 2 ** bits
  // Kernels work on four bytes at a time; tables of bytes that are not there are zero.
  const padded = (Math.ceil(rowBytes / 4) * 32) / bits
  const tables = new Uint8Array(padded * values * ROWS)
  const least = new Float64Array(ROWS)
  const extremes = [weights[0]!, weights.at(-1)!] as const
  for (let group = 0; group < groups; group++) {
    for (let row = 0; row < ROWS; row++) {
      const part = query.subarray(row * dim + group * dims, row * dim + (group + 1) * dims)
      const lowest = part.reduce((sum, q) => sum + Math.min(q * extremes[0], q * extremes[1]), 0)
      least[row]! += lowest / units[row]!
      for (let value = 0; value < values; value++) {
        let sum = -lowest
        for (let d = 0; d < dims; d++) {
          const stored = (value >> (bits - nbits * (d + 1))) & (2 ** nbits - 1)
          sum += part[d]! * weights[reverseBits(stored, nbits)]!
        }
        const at =
          kind === 'scan' ? (group * ROWS + row) * values + value : (group * values + value) * ROWS + pairedRow(row)
        tables[at] = Math.round(sum / units[row]!)
      }
    }
  }
  return { tables, cells: cellsWith(data, (row) => least[row]!) }
}

function dotTables(data: StudyData): VariantTables {
  const { dim, weights, query, units } = data
  const { levels, scale } = int8(query)
  const weightScale = Math.max(...weights.map(Math.abs)) / 127
  const tables = new Uint8Array(64 + dim * ROWS * 2 + ROWS * 4)
  const view = new DataView(tables.buffer)
  storedWeights(data, (weight) => Math.round(weight / weightScale)).forEach((w, i) => {
    view.setInt8(i, w)
  })
  for (let row = 0; row < ROWS; row++) {
    for (let d = 0; d < dim; d++) {
      view.setInt16(64 + (((d >> 1) * ROWS + row) * 2 + (d & 1)) * 2, levels[row * dim + d]!, true)
    }
    view.setFloat32(64 + dim * ROWS * 2 + row * 4, (scale * weightScale) / units[row]!, true)
  }
  return { tables, cells: cellsWith(data, () => 0) }
}

function relaxedTables(data: StudyData): VariantTables {
  const { dim, weights, query, units } = data
  const { levels, scale } = int8(query)
  const lowest = weights[0]!
  const weightScale = (weights.at(-1)! - lowest) / 127
  const tables = new Uint8Array(64 + dim * ROWS + ROWS * 4)
  const view = new DataView(tables.buffer)
  storedWeights(data, (weight) => Math.round((weight - lowest) / weightScale)).forEach((w, i) => {
    view.setInt8(i, w)
  })
  const sums = new Float64Array(ROWS)
  for (let row = 0; row < ROWS; row++) {
    for (let d = 0; d < dim; d++) {
      view.setInt8(64 + ((d >> 2) * ROWS + row) * 4 + (d & 3), levels[row * dim + d]!)
      sums[row]! += levels[row * dim + d]! * scale * lowest
    }
    view.setFloat32(64 + dim * ROWS + row * 4, (scale * weightScale) / units[row]!, true)
  }
  return { tables, cells: cellsWith(data, (row) => sums[row]! / units[row]!) }
}

function int8(query: Float32Array): { readonly levels: Int8Array; readonly scale: number } {
  const scale = Math.max(...query.map(Math.abs)) / 127
  return { levels: Int8Array.from(query, (value) => Math.round(value / scale)), scale }
}

/** Of each value as it is stored, bits reversed: 16 of them, zeros at the end. */
function storedWeights({ nbits, weights }: StudyData, level: (weight: number) => number): readonly number[] {
  return Array.from({ length: 16 }, (_, stored) =>
    stored < 2 ** nbits ? level(weights[reverseBits(stored, nbits)]!) : 0,
  )
}

function cellsWith({ cells, units }: StudyData, offset: (row: number) => number): Int16Array {
  return Int16Array.from({ length: CENTROIDS * ROWS }, (_, at) => {
    const row = at % ROWS
    return Math.round(cells[at]! / units[row]! + offset(row))
  })
}

export interface Placed {
  /** Arguments of the variant. */
  readonly words: readonly number[]
  /** i16[passages][ROWS], a copy. */
  readonly best: () => Int16Array
}

export function place(memory: WebAssembly.Memory, data: StudyData, { tables, cells }: VariantTables): Placed {
  const { starts, codes, norms, residuals, rowBytes, nbits } = data
  let top = 1024
  const put = (bytes: ArrayBufferView) => {
    const address = top
    top = Math.ceil((top + bytes.byteLength + 64) / 64) * 64
    const missing = top - memory.buffer.byteLength
    if (missing > 0) memory.grow(Math.ceil(missing / 65_536))
    new Uint8Array(memory.buffer).set(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength), address)
    return address
  }
  const passages = starts.length - 1
  const longest = Math.max(...starts.slice(1).map((end, passage) => end - starts[passage]!))
  const addresses = [starts, codes, norms, residuals].map(put)
  const [startsPtr, codesPtr, normsPtr, residualsPtr] = addresses as [number, number, number, number]
  const cellsPtr = put(cells)
  const tablesPtr = put(tables)
  const bestPtr = put(new Int16Array(passages * ROWS))
  const scratchPtr = put(new Uint8Array(longest * 64 + 16_384))
  return {
    words: [
      ...[startsPtr, passages, codesPtr, normsPtr, residualsPtr, rowBytes, nbits],
      ...[cellsPtr, tablesPtr, bestPtr, scratchPtr],
    ],
    best: () => new Int16Array(memory.buffer, bestPtr, passages * ROWS).slice(),
  }
}
