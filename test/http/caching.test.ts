/** ETags of answers: equal for what is equal, different for what may answer differently, and known before any search. */
import { describe, expect, it } from 'vitest'
import { type AppOptions, createApp } from '../../runtime/http/index.ts'
import type { Searcher } from '../../runtime/searcher.ts'
import { someTiers } from '../format/someTiers.ts'
import { createToySearcher, ToyEncoder, toyPassages } from './toySearcher.ts'

const encoder = new ToyEncoder()
const toy = await createToySearcher('toy', encoder, toyPassages)
const appOf = (options: Partial<AppOptions> = {}) => createApp({ indexes: toy, encoder, ...options })
const tagOf = async (path: string, options: Partial<AppOptions> = {}) => {
  const response = await appOf(options).request(path)
  expect(response.status).toBe(200)
  return response.headers.get('etag')!
}

describe('the tag of an answer', () => {
  it('is strong, and the same for the same question however it is written', async () => {
    const tag = await tagOf('/v1/search?q=twill&k=2')
    expect(tag).toMatch(/^"[0-9a-f]{32}"$/)
    expect(await tagOf('/v1/search?k=2&q=twill')).toBe(tag)
    expect(await tagOf('/v1/search?query=%20twill%20&k=2')).toBe(tag)
  })

  it('differs with query, parameters, route, encoder, tier, and the content of the index', async () => {
    const changed = (info: Partial<Searcher['info']>) => ({ indexes: { ...toy, info: { ...toy.info, ...info } } })
    const { fingerprint } = encoder
    const other = { ...fingerprint, weightsSha256: 'f'.repeat(64) }
    const otherEncoder = Object.assign(new ToyEncoder(), { fingerprint: other })
    const tags = [
      await tagOf('/v1/search?q=twill&k=2'),
      await tagOf('/v1/search?q=Twill&k=2'),
      await tagOf('/v1/search?q=twill&k=3'),
      await tagOf('/v1/search?q=twill&k=2&texts=false'),
      await tagOf('/api/search?query=twill&k=2'),
      await tagOf('/v1/search?q=twill&k=2&tier=fast'),
      await tagOf('/v1/search?q=twill&k=2', { ...changed({ tiers: someTiers }), tier: 'fast' }),
      await tagOf('/v1/search?q=twill&k=2', { ...changed({ tiers: someTiers }), tier: 'exact' }),
      await tagOf('/v1/search?q=twill&k=2', changed({ revision: 'toy-2' })),
      await tagOf('/v1/search?q=twill&k=2', { ...changed({ encoder: other }), encoder: otherEncoder }),
    ]
    expect(new Set(tags).size).toBe(tags.length)
  })

  it('spares the search when the client has the answer, and its bytes are the same when it has not', async () => {
    let searches = 0
    const counted = {
      ...toy,
      search: (...words: Parameters<Searcher['search']>) => {
        searches += 1
        return toy.search(...words)
      },
    }
    const app = appOf({ indexes: counted })
    const first = await app.request('/v1/search?q=twill')
    const again = await app.request('/v1/search?q=twill')
    expect(await again.text()).toBe(await first.text())
    expect(searches).toBe(2)
    for (const tags of [first.headers.get('etag')!, `"x", W/${first.headers.get('etag')!}`]) {
      const known = await app.request('/v1/search?q=twill', { headers: { 'if-none-match': tags } })
      expect(known.status).toBe(304)
      expect(await known.text()).toBe('')
      expect(known.headers.get('etag')).toBe(first.headers.get('etag'))
      expect(known.headers.get('cache-control')).toContain('max-age')
    }
    expect(searches).toBe(2)
  })

  describe.each(['/v1/search?q=twill', '/api/search?query=twill'])('of an answer that was cut short (%s)', (path) => {
    const cut: Pick<Searcher, 'search'> = {
      search: async (...given) => ({
        ...(await toy.search(...given)),
        skipped: { lists: 0, passages: 3, reasons: ['reads'] },
      }),
    }

    it('is absent, and nobody keeps the answer: the next one may be another', async () => {
      const kept: string[] = []
      const answerCache = {
        match: async () => undefined,
        put: async (address: unknown) => void kept.push(String(address)),
      }
      const app = appOf({ indexes: { ...toy, ...cut }, answerCache })
      const response = await app.request(path)
      expect(response.status).toBe(200)
      expect(response.headers.get('etag')).toBeNull()
      expect(response.headers.get('cache-control')).toBe('no-store')
      expect(kept).toEqual([])
      expect((await appOf({ answerCache }).request(path)).headers.get('etag')).not.toBeNull()
      expect(kept).toHaveLength(1)
    })
  })

  it('is absent when the index was replaced between tag and answer', async () => {
    const info = { ...toy.info }
    const replaced: Searcher = {
      ...toy,
      info,
      search: (...given) => {
        Object.assign(info, { revision: 'toy-2' })
        return toy.search(...given)
      },
    }
    const response = await appOf({ indexes: replaced }).request('/v1/search?q=twill')
    expect(response.headers.get('etag')).toBeNull()
    expect(response.headers.get('cache-control')).toBe('no-store')
  })

  it('is absent when the operator wants no caching', async () => {
    const response = await appOf({ cacheControl: false }).request('/v1/search?q=twill')
    expect(response.headers.get('etag')).toBeNull()
    expect(response.headers.get('cache-control')).toBe('no-store')
  })
})
