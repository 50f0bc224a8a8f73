/** What a budget leaves out reaches the client: an index that is read by range behind the app. */
import { expect, it } from 'vitest'
import { indexOf } from '../../lab/data/indexFiles.ts'
import { randomQuery, randomSegment } from '../../lab/data/randomSegment.ts'
import { createApp } from '../../runtime/http/index.ts'
import { memoryFiles } from '../../runtime/readers/memory.ts'
import { openIndexFiles } from '../../runtime/searchers/openIndexFiles.ts'
import { kernelsModule } from '../kernels/guardedMemory.ts'

const lengths = Array.from({ length: 400 }, (_, pid) => 3 + (pid % 7))
const data = randomSegment({ seed: 2, dim: 32, nbits: 2, centroidCount: 200, lengths })
const vectors = Array.from({ length: 4 }, (_, row) => [...randomQuery(row, 1, 32)])

async function searchOver() {
  const searcher = await openIndexFiles(memoryFiles('made', await indexOf([data])), {
    kernels: await kernelsModule('kernels.wasm'),
    pipeline: 'range',
  })
  const app = createApp({ indexes: searcher })
  return async (more: object) => {
    const body = JSON.stringify({ vectors, k: 3, texts: false, ...more })
    const response = await app.request('/v1/search', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
    })
    return { status: response.status, answer: (await response.json()) as Record<string, unknown> }
  }
}

it('answers with what was left out for want of bytes, and without a word when nothing was', async () => {
  const search = await searchOver()
  const whole = await search({ deadlineMs: 60_000 })
  expect(whole.status).toBe(200)
  expect(whole.answer.hits).toHaveLength(3)
  expect(whole.answer).not.toHaveProperty('skipped')
  const { answer } = await search({ budget: { bytes: 1500 } })
  expect(answer.skipped).toMatchObject({ reasons: ['bytes'] })
  expect((await search({ budget: { bytes: 0 } })).status).toBe(400)
  expect((await search({ deadlineMs: 0.5 })).status).toBe(400)
})

it('counts the ids of a filter that no passage has', async () => {
  const search = await searchOver()
  const some = await search({ filter: ['p1', 'category=garden', 'p399', 'p400', 'p400'] })
  expect(some.answer).toMatchObject({ counts: { candidates: 2, unknownIds: 2 }, hits: [{ rank: 1 }, { rank: 2 }] })
  const none = await search({ filter: ['\u2028', '\u0000', '🦦'] })
  expect(none.answer).toMatchObject({ counts: { candidates: 0, unknownIds: 3 }, hits: [] })
  expect((await search({ filter: [] })).answer).toMatchObject({ counts: { candidates: 0, unknownIds: 0 }, hits: [] })
  expect((await search({})).answer.counts).not.toHaveProperty('unknownIds')
})
