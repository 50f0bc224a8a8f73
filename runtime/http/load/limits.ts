/** What an operator lets one request ask for, below what the schemas let through. */
import { InputError } from '../../../format/errors.ts'

/** Each an integer of at least 1. A request that asks for more is told so; it is not cut. */
export interface RequestLimits {
  /** Results, `k`. */
  readonly k?: number | undefined
  /** Results whose words are marked: `k` with `highlight`. */
  readonly highlight?: number | undefined
  /** Rows of `vectors`. */
  readonly rows?: number | undefined
  /** Texts of one request to encode or rerank, and `ids` of one to rerank. */
  readonly texts?: number | undefined
}

interface Asked {
  readonly k?: number | undefined
  readonly highlight?: boolean | undefined
  readonly vectors?: readonly unknown[] | undefined
  readonly texts?: readonly unknown[] | undefined
  readonly ids?: readonly unknown[] | undefined
}

/** @throws InputError naming what is too large, and the largest that is allowed here */
export function requireWithin(limits: RequestLimits = {}, asked: Asked): void {
  const { k, highlight, rows, texts } = limits
  requireAtMost('"k"', asked.k, k)
  if (asked.highlight) requireAtMost('"k" with "highlight"', asked.k, highlight)
  requireAtMost('rows of "vectors"', asked.vectors?.length, rows)
  requireAtMost('texts in "texts"', asked.texts?.length, texts)
  requireAtMost('ids in "ids"', asked.ids?.length, texts)
}

function requireAtMost(what: string, got: number | undefined, most: number | undefined): void {
  if (got === undefined || most === undefined || got <= most) return
  throw new InputError(`${what}: this server allows at most ${most}, got ${got}. Ask for less.`, { most, got })
}
