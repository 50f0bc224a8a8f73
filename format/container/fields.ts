/** Typed access to the fields of a decoded header: every wrong type or value is a FormatError that names the field. */
import { FormatError } from '../errors.ts'

type Fields = Readonly<Record<string, unknown>>

/** Reads fields of one map; `path` names the map in errors, e.g. `manifest.segments[0]`. */
export class FieldReader {
  readonly path: string
  readonly #fields: Fields

  /** @throws FormatError when `value` is not a map */
  constructor(value: unknown, path: string) {
    if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof Uint8Array) {
      throw new FormatError(path, 'a map', describe(value))
    }
    this.path = path
    this.#fields = value as Fields
  }

  has(key: string): boolean {
    return this.#fields[key] !== undefined
  }

  /** An integer in [min, max]. */
  count(key: string, min: number, max: number): number {
    const value = this.#fields[key]
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < min || value > max) {
      throw new FormatError(`${this.path}.${key}`, `an integer in [${min}, ${max}]`, describe(value))
    }
    return value
  }

  /** A string of 1 to `max` UTF-16 units unless `min` says otherwise. */
  text(key: string, max = 4096, min = 1): string {
    const value = this.#fields[key]
    if (typeof value !== 'string' || value.length < min || value.length > max) {
      throw new FormatError(`${this.path}.${key}`, `a string of ${min} to ${max} characters`, describe(value))
    }
    return value
  }

  flag(key: string): boolean {
    const value = this.#fields[key]
    if (typeof value !== 'boolean') throw new FormatError(`${this.path}.${key}`, 'true or false', describe(value))
    return value
  }

  /** A finite number. */
  number(key: string): number {
    return finite(this.#fields[key], `${this.path}.${key}`)
  }

  list(key: string, max: number): readonly unknown[] {
    const value = this.#fields[key]
    if (!Array.isArray(value) || value.length > max) {
      throw new FormatError(`${this.path}.${key}`, `an array of at most ${max} items`, describe(value))
    }
    return value
  }

  /** Exactly `length` finite numbers as f32. */
  floats(key: string, length: number): Float32Array {
    const list = this.list(key, length)
    if (list.length !== length) throw new FormatError(`${this.path}.${key}`, `${length} numbers`, list.length)
    return Float32Array.from(list, (value, i) => finite(value, `${this.path}.${key}[${i}]`))
  }

  map(key: string): FieldReader {
    return new FieldReader(this.#fields[key], `${this.path}.${key}`)
  }

  maps(key: string, max: number): readonly FieldReader[] {
    return this.list(key, max).map((value, i) => new FieldReader(value, `${this.path}.${key}[${i}]`))
  }
}

function finite(value: unknown, path: string): number {
  if (typeof value !== 'number' || !Number.isFinite(Math.fround(value))) {
    throw new FormatError(path, 'a finite number', describe(value))
  }
  return value
}

function describe(value: unknown): string {
  if (value === null) return 'nothing'
  if (Array.isArray(value)) return `an array of ${value.length}`
  if (typeof value === 'string')
    return value.length > 40 ? `a string of ${value.length} characters` : JSON.stringify(value)
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  return value === undefined ? 'nothing' : `a ${typeof value}`
}
