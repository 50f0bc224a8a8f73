/**
 * Takes requests up a few at a time. Two hundred that arrive at once are a tenth of a second of reading and checking: done in one go, the
 * answers that threads have ready meanwhile would wait for all of it.
 */

/** Requests that are taken up in one turn of the event loop. */
const PER_TURN = 2

/** @returns to be awaited before a request is looked at: nothing while few come, else its turn, in the order of coming */
export function createIntake(perTurn = PER_TURN): () => Promise<void> | undefined {
  const waiting = new Set<() => void>()
  let left = perTurn
  let isScheduled = false

  const nextTurn = () => {
    isScheduled = false
    left = perTurn
    for (const takeUp of waiting) {
      if (left === 0) break
      left--
      waiting.delete(takeUp)
      takeUp()
    }
    if (left < perTurn) schedule()
  }
  const schedule = () => {
    if (isScheduled) return
    isScheduled = true
    // After what has arrived from sockets and threads: their turn comes before the next few requests.
    setImmediate(nextTurn)
  }

  return () => {
    schedule()
    if (left > 0 && waiting.size === 0) {
      left--
      return undefined
    }
    return new Promise<void>((resolve) => waiting.add(resolve))
  }
}
