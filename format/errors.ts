/**
 * The errors Tartan throws on purpose. Each has a stable `code` (API) and a `detail` record of the facts in its message.
 * Anything else that leaves the package is a bug.
 */

export type TartanErrorCode =
  | 'INPUT'
  | 'FORMAT'
  | 'VERSION'
  | 'CHECKSUM'
  | 'MODEL'
  | 'NOT_FOUND'
  | 'RANGE'
  | 'STORAGE'
  | 'DEVICE'
  | 'ABORTED'
  | 'BUSY'

export type ErrorDetail = Readonly<Record<string, string | number>>

/** Base of every error this package throws on purpose. `message` is for people: what was done, expected, got, cure. */
export class TartanError extends Error {
  override readonly name: string = 'TartanError'
  readonly code: TartanErrorCode
  readonly detail: ErrorDetail

  constructor(code: TartanErrorCode, message: string, detail: ErrorDetail = {}, options?: ErrorOptions) {
    super(message, options)
    this.code = code
    this.detail = detail
  }
}

/** The caller's mistake: a parameter out of range, a corpus line without an id. The message says where and how to mend it. */
export class InputError extends TartanError {
  override readonly name = 'InputError'
  constructor(message: string, detail?: ErrorDetail, options?: ErrorOptions) {
    super('INPUT', message, detail, options)
  }
}

/** The bytes are not what SPEC.md promises. Never retried: rebuild or upload again. */
export class FormatError extends TartanError {
  override readonly name = 'FormatError'
  constructor(section: string, expected: string, got: string | number) {
    super(
      'FORMAT',
      `reading "${section}": expected ${expected}, got ${got}. If it was sound once, copy it again; else rebuild the index.`,
      { section, expected, got },
    )
  }
}

/** The index is of a version of the format, or requires a feature, that this reader does not read. The message says what to do. */
export class VersionError extends TartanError {
  override readonly name = 'VersionError'
  constructor(message: string, detail?: ErrorDetail) {
    super('VERSION', message, detail)
  }
}

/** A CRC32C does not match: the bytes changed since the builder wrote them. */
export class ChecksumError extends TartanError {
  override readonly name = 'ChecksumError'
  constructor(section: string, expected: number, got: number) {
    const hex = (value: number) => `0x${value.toString(16).padStart(8, '0')}`
    super(
      'CHECKSUM',
      `reading "${section}": expected CRC32C ${hex(expected)}, got ${hex(got)}. The file is damaged: copy it again or rebuild the index.`,
      { section, expected, got },
    )
  }
}

/** An encoder model is missing, damaged, or not the one an index was built with. */
export class ModelError extends TartanError {
  override readonly name = 'ModelError'
  constructor(message: string, detail?: ErrorDetail, options?: ErrorOptions) {
    super('MODEL', message, detail, options)
  }
}

/** No such index, part or passage. */
export class NotFoundError extends TartanError {
  override readonly name = 'NotFoundError'
  constructor(message: string, detail?: ErrorDetail, options?: ErrorOptions) {
    super('NOT_FOUND', message, detail, options)
  }
}

/** A part that the manifest names is not there: the index was replaced, or copied in part. */
export class MissingPartError extends NotFoundError {
  constructor(index: string, part: string, cause: unknown) {
    super(
      `"${index}": the part ${part}, which its manifest names, is not there. Copy the index again, parts first.`,
      { part },
      { cause },
    )
  }
}

/** A byte range is not inside its file. */
export class RangeReadError extends TartanError {
  override readonly name = 'RangeReadError'
  constructor(key: string, offset: number, length: number, size: number) {
    super('RANGE', `"${key}": range [${offset}, ${offset + length}) is not inside [0, ${size})`, {
      key,
      offset,
      length,
      size,
    })
  }
}

/** Storage answered with an error or not at all; `cause` has what it said. May be worth a retry. */
export class StorageError extends TartanError {
  override readonly name = 'StorageError'
  constructor(message: string, detail?: ErrorDetail, options?: ErrorOptions) {
    super('STORAGE', message, detail, options)
  }
}

/**
 * Storage gave something else than the file that was meant: a refusal, a page for people, a file of another size or version. What an
 * index was replaced by looks like that, so whoever reads it may look for a newer generation. Of code STORAGE, as its cause may be that too.
 */
export class OtherFileError extends StorageError {}

/** The execution provider asked for is not there. Never a silent fallback: the message lists what is. */
export class DeviceError extends TartanError {
  override readonly name = 'DeviceError'
  constructor(message: string, detail?: ErrorDetail, options?: ErrorOptions) {
    super('DEVICE', message, detail, options)
  }
}

/** Stopped by the user (Ctrl-C, an AbortSignal). Nothing half-written is left under a final name. */
export class AbortedError extends TartanError {
  override readonly name = 'AbortedError'
  constructor(message = 'stopped by the user; nothing was written') {
    super('ABORTED', message)
  }
}

/** More is asked at once than can be answered in time. Nothing was computed; the same may be asked again after `retryAfterSeconds`. */
export class BusyError extends TartanError {
  override readonly name = 'BusyError'
  /** At least 1. */
  readonly retryAfterSeconds: number

  constructor(message: string, retryAfterSeconds: number, detail?: ErrorDetail) {
    super('BUSY', message, { ...detail, retryAfterSeconds })
    this.retryAfterSeconds = retryAfterSeconds
  }
}
