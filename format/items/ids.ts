/** The passages' string ids: three sections, and look-up both ways without building a map (SPEC.md §5). */
import { FormatError, InputError } from '../errors.ts'
import { ID_BYTES_MAX } from '../limits.ts'

/** @throws InputError when an id is empty or longer than the limit */
export function encodeIds(ids: readonly string[]): {
  readonly idOffsets: Uint32Array
  readonly ids: Uint8Array
  readonly idOrder: Uint32Array
} {
  const encoder = new TextEncoder()
  const encoded = ids.map((id) => encoder.encode(id))
  const idOffsets = new Uint32Array(ids.length + 1)
  encoded.forEach((bytes, pid) => {
    if (bytes.length === 0 || bytes.length > ID_BYTES_MAX) {
      throw new InputError(`passage ${pid}: an id has 1 to ${ID_BYTES_MAX} UTF-8 bytes, got ${bytes.length}.`, { pid })
    }
    idOffsets[pid + 1] = (idOffsets[pid] ?? 0) + bytes.length
  })
  const all = new Uint8Array(idOffsets.at(-1) ?? 0)
  encoded.forEach((bytes, pid) => {
    all.set(bytes, idOffsets[pid])
  })
  const empty = new Uint8Array()
  const idOrder = Uint32Array.from(ids.keys()).sort((a, b) => compareBytes(encoded[a] ?? empty, encoded[b] ?? empty))
  return { idOffsets, ids: all, idOrder }
}

/** Ids of one segment, as views into its sections. */
export class IdTable {
  readonly size: number
  readonly #offsets: Uint32Array
  readonly #bytes: Uint8Array
  readonly #order: Uint32Array

  /** @throws FormatError when offsets, ids and order do not fit together; O(N) */
  constructor(offsets: Uint32Array, bytes: Uint8Array, order: Uint32Array) {
    this.size = offsets.length - 1
    this.#offsets = offsets
    this.#bytes = bytes
    this.#order = order
    requireIdOffsets(offsets, bytes.length)
    // Strictly ascending ids in an order of the right length also prove that the order is a permutation.
    for (let i = 0; i < this.size; i++) {
      const pid = order[i] ?? this.size
      if (pid >= this.size) throw new FormatError('idOrder', `pids below ${this.size}`, pid)
      if (i > 0 && compareBytes(this.#at(order[i - 1] ?? 0), this.#at(pid)) >= 0) {
        throw new FormatError('idOrder', 'ids in strictly ascending order', `a wrong order at entry ${i}`)
      }
    }
  }

  /** Bytes of the sections that a table keeps. @param idBytes - length of the section `ids` */
  static bytes(passages: number, idBytes: number): number {
    return (passages + 1) * 4 + idBytes + passages * 4
  }

  /** @param pid - in [0, size) */
  idOf(pid: number): string {
    return new TextDecoder().decode(this.#at(pid))
  }

  /** UTF-8 of an id, for ordering. @param pid - in [0, size) */
  idBytes(pid: number): Uint8Array {
    return this.#at(pid)
  }

  /** O(log N). */
  pidOf(id: string): number | undefined {
    const wanted = new TextEncoder().encode(id)
    let low = 0
    let high = this.size - 1
    while (low <= high) {
      const middle = (low + high) >>> 1
      const pid = this.#order[middle] ?? 0
      const order = compareBytes(this.#at(pid), wanted)
      if (order === 0) return pid
      if (order < 0) low = middle + 1
      else high = middle - 1
    }
    return undefined
  }

  #at(pid: number): Uint8Array {
    return this.#bytes.subarray(this.#offsets[pid], this.#offsets[pid + 1])
  }
}

/**
 * Checks the section `idOffsets`.
 * @param idBytes - length of the section `ids`
 * @throws FormatError unless the ids have 1 to ID_BYTES_MAX bytes each and fill the section
 */
export function requireIdOffsets(offsets: Uint32Array, idBytes: number): void {
  if (offsets[0] !== 0 || offsets.at(-1) !== idBytes) {
    throw new FormatError('idOffsets', `offsets from 0 to ${idBytes}`, `${offsets[0]} to ${offsets.at(-1)}`)
  }
  for (let pid = 0; pid + 1 < offsets.length; pid++) {
    const length = (offsets[pid + 1] ?? 0) - (offsets[pid] ?? 0)
    if (length < 1 || length > ID_BYTES_MAX) {
      throw new FormatError('idOffsets', `ids of 1 to ${ID_BYTES_MAX} bytes`, length)
    }
  }
}

/** Order of unsigned bytes, a prefix first: the order of `idOrder`, and of results with equal scores. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const common = Math.min(a.length, b.length)
  for (let i = 0; i < common; i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0)
    if (difference !== 0) return difference
  }
  return a.length - b.length
}
