/**
 * A `fetch` that answers in rounds: all requests under way get their answers together, once nobody asks for more. So it counts how often a
 * program waits for storage, whatever the machine does meanwhile.
 */
import type { FetchLike } from '../../runtime/readers/http.ts'

export interface RoundFetch {
  readonly fetch: FetchLike
  /** Of each round its requests, as path and range. */
  readonly rounds: readonly (readonly string[])[]
}

interface Waiting {
  readonly name: string
  readonly answered: Promise<Response>
  readonly give: () => void
}

/** Turns of the event loop without a new request: what follows from an answer in memory takes fewer. */
const QUIET_TURNS = 20

export function roundFetch(): RoundFetch {
  const rounds: (readonly string[])[] = []
  let waiting: Waiting[] = []
  const answerRound = async () => {
    let quiet = 0
    for (let seen = 0; quiet < QUIET_TURNS; quiet = waiting.length === seen ? quiet + 1 : 0) {
      seen = waiting.length
      await Promise.allSettled(waiting.map(({ answered }) => answered))
      await new Promise((resolve) => setImmediate(resolve))
    }
    const round = waiting
    waiting = []
    rounds.push(round.map(({ name }) => name))
    for (const { give } of round) give()
  }
  return {
    rounds,
    fetch(url, init) {
      const name = `${new URL(url).pathname} ${init.headers.range ?? ''}`.trim()
      const answered = wholeAnswer(url, init)
      return new Promise((resolve) => {
        waiting.push({ name, answered, give: () => resolve(answered) })
        if (waiting.length === 1) void answerRound()
      })
    },
  }
}

/** With its body in memory, so that reading it waits for nothing. */
async function wholeAnswer(url: string, init: RequestInit): Promise<Response> {
  const response = await fetch(url, init)
  const { status, headers } = response
  return new Response(await response.arrayBuffer(), { status, headers })
}
