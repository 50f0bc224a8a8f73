/** For search boxes that ask while one types: of several questions only the newest is answered. */
import type { TextSearch } from './textSearch.ts'

/**
 * The same search, where each question withdraws the one before it: that one ends with an AbortedError (code "ABORTED") unless it is
 * answered already, and what it has not begun is not done.
 */
export function newestOnly(search: TextSearch): TextSearch {
  let previous: AbortController | undefined
  return {
    get info() {
      return search.info
    },
    ask(question, options = {}) {
      previous?.abort()
      const current = new AbortController()
      previous = current
      const { signal = current.signal } = options
      return search.ask(question, { ...options, signal: AbortSignal.any([signal, current.signal]) })
    },
    passage: (id) => search.passage(id),
    close: () => search.close(),
  }
}
