/** Anchors of headings as GitHub makes them, distinct within a page. */

/** The anchor GitHub would give the heading on a page of its own; may be empty. */
export function headingAnchor(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\- ]/gu, '')
    .replaceAll(' ', '-')
}

/** Makes the anchors of one page distinct: the second "usage" becomes "usage-1", as on GitHub. */
export class AnchorSet {
  readonly #occurrences = new Map<string, number>()

  add(anchor: string): string {
    let distinct = anchor
    while (this.#occurrences.has(distinct)) {
      const count = (this.#occurrences.get(anchor) ?? 0) + 1
      this.#occurrences.set(anchor, count)
      distinct = `${anchor}-${count}`
    }
    this.#occurrences.set(distinct, 0)
    return distinct
  }
}
