/** Reads NumPy's .npy files, format 1.0 to 3.0, of the element types the reference data has. */
import { readFile } from 'node:fs/promises'
import { InputError } from '../../format/errors.ts'

export interface NpyArray {
  readonly shape: readonly number[]
  /** Row-major. f2 values as their bits in u16. */
  readonly data: Uint16Array | Uint32Array | BigInt64Array
}

const TYPES = { '<f2': Uint16Array, '<u4': Uint32Array, '<i8': BigInt64Array } as const

/** @throws InputError when it is no .npy file, or one of another element type or in Fortran's order */
export async function readNpy(path: string): Promise<NpyArray> {
  const bytes = await readFile(path)
  if (bytes.subarray(0, 6).toString('latin1') !== '\x93NUMPY') {
    throw new InputError(`reading "${path}": expected a .npy file, got other bytes.`)
  }
  const isV1 = bytes[6] === 1
  const headerAt = isV1 ? 10 : 12
  const headerEnd = headerAt + (isV1 ? bytes.readUInt16LE(8) : bytes.readUInt32LE(8))
  const header = bytes.subarray(headerAt, headerEnd).toString('latin1')
  const type = /'descr': '([^']+)'/.exec(header)?.[1] ?? ''
  const shape = (/'shape': \(([^)]*)\)/.exec(header)?.[1] ?? '')
    .split(',')
    .filter((size) => size.trim())
    .map(Number)
  if (!Object.hasOwn(TYPES, type) || !header.includes("'fortran_order': False")) {
    throw new InputError(
      `reading "${path}": expected ${Object.keys(TYPES).join(', ')} in C order, got ${header.trim()}`,
    )
  }
  // A copy of its own: the payload may stand at an odd offset of the file.
  const payload = new Uint8Array(bytes.subarray(headerEnd)).buffer
  return { shape, data: new TYPES[type as keyof typeof TYPES](payload) }
}
