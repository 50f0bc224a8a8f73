/** The title of a passage: page title and headings, short enough to leave the encoder room for the text. */

const SEPARATOR = ' › '
const CUT = '…'

/**
 * Joins a trail to a title of at most `tokensMax` tokens. Too long, it loses headings from the second on, since the page's
 * title and the nearest heading say most; then the end of what is left.
 *
 * @returns cut: entries that the title does not say in full
 */
export function shortTrail(
  trail: readonly string[],
  tokensMax: number,
  countTokens: (text: string) => number,
): { readonly title: string; readonly cut: ReadonlySet<string> } {
  const fits = (title: string) => countTokens(title) <= tokensMax
  const whole = trail.join(SEPARATOR)
  if (whole === '' || fits(whole)) return { title: whole, cut: new Set() }
  const [first = '', ...rest] = trail
  for (let left = 1; left < rest.length; left++) {
    const kept = rest.slice(left)
    const title = [first, CUT, ...kept].join(SEPARATOR)
    if (fits(title)) return { title, cut: new Set(rest.slice(0, left).filter((entry) => !kept.includes(entry))) }
  }
  const last = rest.at(-1) ?? first
  const cut = new Set(trail)
  if (fits(last)) {
    cut.delete(last)
    const title = [beginning(first, (start) => fits([start, last].join(SEPARATOR))), last]
      .filter(Boolean)
      .join(SEPARATOR)
    return { title, cut }
  }
  return { title: beginning(last, fits), cut }
}

/** As many words as fit, and a sign that there were more; empty when not even one does. */
function beginning(text: string, fits: (text: string) => boolean): string {
  const ends = [
    ...text.matchAll(/\s+|(?<=[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}])/gu),
  ].map(({ index }) => index)
  let good = 0
  let bad = ends.length
  while (good < bad) {
    const middle = (good + bad) >>> 1
    if (fits(`${text.slice(0, ends[middle])}${CUT}`)) good = middle + 1
    else bad = middle
  }
  return good === 0 ? '' : `${text.slice(0, ends[good - 1])}${CUT}`
}
