/** The storage ports: a file that can be read by byte range, and a set of such files that makes an index. */
import { RangeReadError } from './errors.ts'

/** A file that can be read by byte range: disk, HTTP, R2, S3, Blob, or memory. */
export interface RangeReader {
  /** Stable identity for caches and messages, e.g. the URL, the path or the object key. */
  readonly key: string
  /** Total size in bytes. */
  readonly size: number
  /**
   * Read `[offset, offset + length)`.
   *
   * @param offset - first byte, integer in `[0, size]`
   * @param length - number of bytes; `0` resolves to an empty array without I/O
   * @returns exactly `length` bytes, never a short read; the caller may keep the array
   * @throws RangeReadError when the range is not inside the file
   * @throws StorageError when the storage fails or answers short
   */
  read(offset: number, length: number, signal?: AbortSignal): Promise<Uint8Array>
  /**
   * As `read`, but into the caller's memory: without a second copy, where the storage can. All of `target` is written, or the
   * promise is rejected and what it holds is anybody's guess.
   */
  readInto?(offset: number, target: Uint8Array<ArrayBuffer>, signal?: AbortSignal): Promise<void>
  /** Give back what the reader holds (a file handle). Reading afterwards is a mistake. */
  close?(): Promise<void>
}

/** Bytes that are brought to where they are wanted. */
export interface ByteLoader {
  readonly length: number
  /**
   * @param view - gives the place of `[offset, offset + length)`; asked anew for every piece and never kept over an await, since
   *   a WebAssembly memory that grows detaches its views
   */
  load(view: (offset: number, length: number) => Uint8Array): Promise<void>
}

/** The files of one index: a folder, a key prefix, or a pack. */
export interface IndexFiles {
  /** For messages, e.g. the folder's path. */
  readonly key: string
  /**
   * @param size - of the file as the manifest has it, where it is known: a reader may take it and save itself a request
   * @throws NotFoundError when there is no file of this name
   */
  open(name: string, size?: number): Promise<RangeReader>
  /**
   * What changes when a file is replaced: an ETag, a time of change. Cheaper than to read the file. Absent where storage cannot say; it
   * may also resolve to undefined.
   */
  version?(name: string): Promise<string | undefined>
  /** Give back what is held open for all files (the handle of a pack). */
  close?(): Promise<void>
}

/** @throws RangeReadError unless `[offset, offset + length)` lies in `[0, size]` and both are integers */
export function checkRange(key: string, offset: number, length: number, size: number): void {
  const sound = Number.isSafeInteger(offset) && Number.isSafeInteger(length) && offset >= 0 && length >= 0
  if (!sound || offset + length > size) throw new RangeReadError(key, offset, length, size)
}

/** A window `[start, start + size)` of another reader: a file inside a pack. */
export function subReader(key: string, outer: RangeReader, start: number, size: number): RangeReader {
  checkRange(outer.key, start, size, outer.size)
  const { readInto } = outer
  return {
    key,
    size,
    async read(offset, length, signal) {
      checkRange(key, offset, length, size)
      return outer.read(start + offset, length, signal)
    },
    ...(readInto && {
      async readInto(offset: number, target: Uint8Array<ArrayBuffer>, signal?: AbortSignal) {
        checkRange(key, offset, target.length, size)
        await readInto.call(outer, start + offset, target, signal)
      },
    }),
  }
}
