/** Lets other events of the thread in, where work would hold it for long. */

/** Node, Deno, Bun and Workers have it: sooner than a timer, which waits a millisecond and more. */
const setImmediateOf = (globalThis as { setImmediate?: (callback: () => void) => unknown }).setImmediate

/** Resolves once other events have had their turn. */
export function pause(): Promise<void> {
  return new Promise((resolve) => {
    if (setImmediateOf) setImmediateOf(resolve)
    else setTimeout(resolve, 0)
  })
}

/**
 * For loops whose steps are short and many.
 *
 * @returns to be awaited before each step: a pause once `sliceMs` have passed since the last one
 */
export function createSlices(sliceMs = 5): () => Promise<void> | undefined {
  let since = performance.now()
  return () => {
    if (performance.now() - since < sliceMs) return undefined
    return pause().then(() => {
      since = performance.now()
    })
  }
}
