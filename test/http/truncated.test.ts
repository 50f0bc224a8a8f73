/** A text that the encoder did not read to its end says so in every answer that it shaped, and no other answer does. */
import { describe, expect, it } from 'vitest'
import { createApp } from '../../runtime/http/index.ts'
import { createToySearcher, ToyEncoder, toyPassages } from './toySearcher.ts'

/** Reads three words of a query, and says so. */
class ShortEncoder extends ToyEncoder {
  override async encodeQuery(text: string) {
    const words = text.split(' ')
    const encoded = await super.encodeQuery(words.slice(0, 3).join(' '))
    return { ...encoded, ...(words.length > 3 ? { truncated: true as const } : {}) }
  }
}

const encoder = new ShortEncoder()
const app = createApp({ indexes: await createToySearcher('toy', encoder, toyPassages), encoder })
const post = (path: string, body: object) =>
  app.request(path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })

const long = 'twill twill twill twill'
const ids = [toyPassages[0]!.id]
const ask = {
  'GET /v1/search': (query: string) => app.request(`/v1/search?q=${encodeURIComponent(query)}`),
  'POST /v1/search': (query: string) => post('/v1/search', { query }),
  'GET /api/search': (query: string) => app.request(`/api/search?query=${encodeURIComponent(query)}`),
  'POST /api/search': (query: string) => post('/api/search', { query }),
  'POST /v1/rerank by ids': (query: string) => post('/v1/rerank', { query, ids }),
  'POST /v1/rerank by texts': (query: string) => post('/v1/rerank', { query, texts: ['twill'] }),
}

describe('truncated', () => {
  it.each(Object.entries(ask))('stands in the answer of %s when the query was cut', async (_, answerTo) => {
    const cut = await answerTo(long)
    expect(cut.status).toBe(200)
    expect(await cut.json()).toHaveProperty('truncated', true)
    expect(await (await answerTo('twill')).json()).not.toHaveProperty('truncated')
  })

  it('stands beside the vectors of each text that /v1/encode cut', async () => {
    const body = (await (await post('/v1/encode', { texts: ['twill', long] })).json()) as { results: object[] }
    expect(body.results[0]).not.toHaveProperty('truncated')
    expect(body.results[1]).toHaveProperty('truncated', true)
  })
})
