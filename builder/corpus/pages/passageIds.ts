/** Ids of a page's passages: `path#anchor`, `path#anchor~2`. Made by Tartan, so never what a corpus could be refused for. */
import { Buffer } from 'node:buffer'
import { createHash } from 'node:crypto'
import { ID_BYTES_MAX } from '../../../format/limits.ts'

/** Room for "~" and the number of a part. */
const PART_BYTES = 12
const HASH_CHARACTERS = 16

export class PassageIds {
  readonly #path: string
  readonly #used = new Set<string>()
  /** Number of the last part by the name of its section. */
  readonly #parts = new Map<string, number>()
  /** What sections are called by their anchors; no part of another section takes such a name. */
  readonly #reserved: Set<string>

  /** @param anchors - of all sections of the page */
  constructor(path: string, anchors: readonly (string | undefined)[]) {
    this.#path = path
    this.#reserved = new Set(anchors.map((anchor) => stem(path, anchor)))
  }

  /** Another page whose name is written in the same way: its passages go on as further parts. */
  addPage(anchors: readonly (string | undefined)[]): void {
    for (const anchor of anchors) this.#reserved.add(stem(this.#path, anchor))
  }

  /** The id of the next part of the section at `anchor`. */
  next(anchor: string | undefined): string {
    const first = stem(this.#path, anchor)
    let part = this.#parts.get(first) ?? 0
    let id: string
    do {
      part++
      id = part === 1 ? first : `${first}~${part}`
    } while (this.#used.has(id) || (part > 1 && this.#reserved.has(id)))
    this.#parts.set(first, part)
    this.#used.add(id)
    return id
  }
}

/** The ids of all pages of a folder: "a#b.md" and "a%23b.md" are both written "a%23b.md". Only pages with such names are remembered. */
export class FolderIds {
  readonly #escaped = new Map<string, PassageIds>()

  /** @param anchors - of all sections of the page */
  forPage(path: string, anchors: readonly (string | undefined)[]): PassageIds {
    const name = stem(path, undefined)
    const before = this.#escaped.get(name)
    before?.addPage(anchors)
    const ids = before ?? new PassageIds(path, anchors)
    if (name.includes('%')) this.#escaped.set(name, ids)
    return ids
  }
}

/** In a link "#" separates path and anchor, and control characters are escaped, so here as well. */
function stem(path: string, anchor: string | undefined): string {
  const file = path.replaceAll('#', '%23')
  return shortened(escaped(anchor === undefined ? file : `${file}#${anchor}`.toWellFormed()))
}

function escaped(text: string): string {
  let safe = ''
  for (const character of text.toWellFormed()) {
    const unit = character.charCodeAt(0)
    safe += unit < 0x20 || unit === 0x7f ? `%${unit.toString(16).toUpperCase().padStart(2, '0')}` : character
  }
  return safe
}

/** The beginning and a hash of the whole, where the whole is too long for an id. */
function shortened(text: string): string {
  const bytes = Buffer.from(text)
  if (bytes.length <= ID_BYTES_MAX - PART_BYTES) return text
  const hash = createHash('sha256').update(bytes).digest('hex').slice(0, HASH_CHARACTERS)
  let end = ID_BYTES_MAX - PART_BYTES - HASH_CHARACTERS - 1
  // Not within a character: its further bytes begin with the bits 10.
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--
  return `${bytes.toString('utf8', 0, end)}-${hash}`
}
