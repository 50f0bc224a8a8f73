/** Many pieces of work, a few at a time. */

/** Results in the order of the items, at most `lanes` under way at a time. The first failure ends it. */
export async function inLanes<Item, Result>(
  items: readonly Item[],
  lanes: number,
  work: (item: Item) => Promise<Result>,
): Promise<readonly Result[]> {
  const results: Result[] = []
  const queue = items.entries()
  const lane = async () => {
    for (const [index, item] of queue) results[index] = await work(item)
  }
  try {
    await Promise.all(Array.from({ length: Math.min(lanes, items.length) }, lane))
  } finally {
    // A lane that failed leaves nothing for the others.
    queue.return?.()
  }
  return results
}
