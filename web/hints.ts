/** Examples to begin with, from the index itself: titles, or first words, of a few passages. */
import { askSearch, type IndexAnswer } from './client.ts'

const HINTS_SHOWN = 5
/** Among so many passages there are some with a short title. */
const HINTS_ASKED = 20
const HINT_CHARACTERS_MAX = 44
/** One word is a topic, no question. */
const HINT_CHARACTERS_MIN = 10

export interface Hint {
  /** What the button says. */
  readonly label: string
  /** What it asks. */
  readonly query: string
}

/** Also warms up the server. Examples are a nicety: when there are none, the search box alone will do. */
export async function askHints(index: IndexAnswer): Promise<readonly Hint[]> {
  const question = { query: 'introduction and overview', index: index.name, k: HINTS_ASKED, highlight: false }
  const answer = await askSearch(question, new AbortController().signal).catch(() => undefined)
  const hints = (answer?.hits ?? []).map(({ title, text = '' }) => hintOf(title || text)).filter((hint) => hint.query)
  const unique = [...new Map(hints.map((hint) => [hint.query.toLowerCase(), hint])).values()]
  const whole = unique.filter(({ label, query }) => label === query)
  return [...whole, ...unique.filter((hint) => !whole.includes(hint))].slice(0, HINTS_SHOWN)
}

/** The first clause where it is short enough to be read at a glance, else its first words, cut between two words and marked as cut. */
function hintOf(text: string): Hint {
  const line = text.trim().replace(/\s+/g, ' ')
  const [clause = ''] = line.split(/[:;.?!](?=\s|$)|\s[-–—(]/)
  const first = clause.trim()
  if (first.length >= HINT_CHARACTERS_MIN && first.length <= HINT_CHARACTERS_MAX && first.includes(' '))
    return { label: first, query: first }
  const cut = line.slice(0, HINT_CHARACTERS_MAX + 1)
  const end = line.length > HINT_CHARACTERS_MAX ? cut.lastIndexOf(' ') : cut.length
  // A text without blanks is cut where it must be.
  const query = (end > HINT_CHARACTERS_MIN ? cut.slice(0, end) : cut.slice(0, HINT_CHARACTERS_MAX))
    .replace(/(\s(of|the|in|an?|and|or|for|to|with|by|on|at|from))+$/i, '')
    .replace(/[\s:;.,–—-]+$/, '')
  return { label: query.length < line.length ? `${query}…` : query, query }
}
