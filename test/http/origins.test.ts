/** Which pages may ask: origins as people write them and as browsers send them (RFC 6454, WHATWG URL). */
import { describe, expect, it } from 'vitest'
import { createApp } from '../../runtime/http/index.ts'
import { createWorker } from '../../runtime/platform/cloudflare.ts'
import { createToySearcher, ToyEncoder, toyPassages } from './toySearcher.ts'

async function appOf(...origins: string[]) {
  const encoder = new ToyEncoder()
  return createApp({ indexes: await createToySearcher('toy', encoder, toyPassages), encoder, origins })
}

async function allowed(given: string, sent: string) {
  const response = await (await appOf(given)).request('/health', { headers: { origin: sent } })
  return response.headers.get('access-control-allow-origin')
}

describe('an origin is taken as people write it', () => {
  it.each([
    ['https://docs.example.org', 'https://docs.example.org'],
    ['https://docs.example.org/', 'https://docs.example.org'],
    ['HTTPS://Docs.Example.ORG', 'https://docs.example.org'],
    ['https://docs.example.org:443', 'https://docs.example.org'],
    ['http://localhost:80/', 'http://localhost'],
    ['http://localhost:3000', 'http://localhost:3000'],
    ['https://bücher.example', 'https://xn--bcher-kva.example'],
    ['http://[::1]:8080/', 'http://[::1]:8080'],
    [' https://docs.example.org ', 'https://docs.example.org'],
    ['chrome-extension://ABCdef/', 'chrome-extension://abcdef'],
    ['null', 'null'],
  ])('"%s" lets pages of %s ask', async (given, sent) => {
    expect(await allowed(given, sent)).toBe(sent)
    expect(await allowed(given, 'https://evil.example')).toBe(null)
  })

  it('"*" lets all of them ask, whatever stands beside it', async () => {
    expect(await allowed('*', 'https://any.example')).toBe('*')
    const response = await (await appOf('https://a.example', '*')).request('/health', { headers: { origin: 'null' } })
    expect(response.headers.get('access-control-allow-origin')).toBe('*')
  })
})

describe('what no browser sends is refused, with what to write instead', () => {
  const refusals: readonly (readonly [string, string])[] = [
    ['https://*.example.org', 'wildcards are not known'],
    ['http://localhost:*', 'wildcards are not known'],
    ['docs.example.org', 'Write https://docs.example.org.'],
    ['localhost:3000', 'Write https://localhost:3000.'],
    ['//docs.example.org', 'Write https://docs.example.org.'],
    ['https://docs.example.org/search', 'Write https://docs.example.org.'],
    ['https://docs.example.org?a', 'Write https://docs.example.org.'],
    ['https://docs.example.org/#', 'Write https://docs.example.org.'],
    ['https://user:secret@docs.example.org', 'no user and no password'],
    ['https://a.example,https://b.example', 'one origin at a time'],
    ['https://', 'expected a scheme and a host'],
    ['file:///pages/page.html', 'Write null'],
    ['https:/docs.example.org', 'Write'],
    ['', 'expected a scheme and a host'],
  ]
  it.each(refusals)('"%s": %s', async (given, message) => {
    await expect(appOf(given)).rejects.toMatchObject({ code: 'INPUT', message: expect.stringContaining(message) })
  })

  it('by a Worker when it is made, not by its answers', () => {
    const files = () => {
      throw new Error('nothing is opened')
    }
    const kernels = new WebAssembly.Module(Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0))
    expect(() => createWorker({ kernels, files, origins: ['docs.example.org'] })).toThrow(
      'Write https://docs.example.org',
    )
  })
})

it('pages of other origins may read what the docs point to', async () => {
  const app = await appOf('https://docs.example.org')
  const headers = { origin: 'https://docs.example.org' }
  const answer = await app.request('/v1/search?q=twill', { headers })
  const exposed = answer.headers.get('access-control-expose-headers')?.split(',')
  expect(exposed).toEqual(expect.arrayContaining(['ETag', 'Retry-After', 'Server-Timing', 'X-Request-Id']))
  for (const name of ['ETag', 'Server-Timing', 'X-Request-Id']) expect(answer.headers.get(name)).not.toBe(null)
  const problem = await app.request('/v1/search', { headers })
  expect(problem.headers.get('access-control-allow-origin')).toBe('https://docs.example.org')
})

describe('a passage whose id no path can hold', () => {
  const ids = ['.', '..', 'a/../b', 'line\u2028separator', 'a?b#c', '100%', 'a+b c', '%2F']
  it.each(ids)('%j is answered by its id as a parameter', async (id) => {
    const encoder = new ToyEncoder()
    const app = createApp({
      indexes: await createToySearcher('toy', encoder, [{ id, title: '', text: 'a text' }]),
      encoder,
    })
    const asked = await app.request(`/v1/passages?${new URLSearchParams({ id })}`)
    expect([asked.status, await asked.json()]).toMatchObject([200, { id }])
    expect((await app.request('/v1/passages?id=none&index=toy')).status).toBe(404)
    expect((await app.request('/v1/passages')).status).toBe(400)
  })

  it.each(['line\u2028separator', 'two\u2029of\u2028them', 'a/b', '100%', '%2F', 'a+b c'])(
    '%j by its path, where that can hold it',
    async (id) => {
      const encoder = new ToyEncoder()
      const app = createApp({
        indexes: await createToySearcher('toy', encoder, [{ id, title: '', text: 'a text' }]),
        encoder,
      })
      const asked = await app.request(`/v1/passages/${encodeURIComponent(id)}`)
      expect([asked.status, await asked.json()]).toMatchObject([200, { id }])
    },
  )
})
