/** What single requests cannot show: mounting, logging, probabilities, caching, and the Node server. */
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { Hono } from 'hono'
import { describe, expect, it } from 'vitest'
import { FormatError, InputError, type TartanErrorCode } from '../../format/errors.ts'
import { type ColbertAnswer, createApp, type LogEntry, statusOfCode } from '../../runtime/http/index.ts'
import { pagePolicy } from '../../runtime/http/page.ts'
import { type RunningServer, serve } from '../../runtime/platform/node.ts'
import type { Searcher } from '../../runtime/searcher.ts'
import { createToySearcher, ToyEncoder, toyPassages } from './toySearcher.ts'

async function createToyApp(options: { log?: (entry: LogEntry) => void; search?: Searcher['search'] } = {}) {
  const encoder = new ToyEncoder()
  const toy = await createToySearcher('toy', encoder, toyPassages)
  const indexes = options.search ? { ...toy, search: options.search } : toy
  return createApp({ indexes, encoder, page: '<!doctype html><p>page</p>', log: options.log })
}

describe('createApp', () => {
  it('works under a base path of another app, which keeps its own routes', async () => {
    const parent = new Hono()
    parent.get('/own', (c) => c.text('own'))
    parent.route('/docs/search', await createToyApp())
    expect(await (await parent.request('/docs/search')).text()).toContain('page')
    expect((await parent.request('/docs/search/v1/search?q=twill')).status).toBe(200)
    expect((await parent.request('/docs/search/v1/passages/weave%2Ftwill%231')).status).toBe(200)
    const problem = await parent.request('/docs/search/v1/search')
    expect([problem.status, problem.headers.get('content-type')]).toEqual([400, 'application/problem+json'])
    expect((await parent.request('/docs/search/health', { method: 'PUT' })).headers.get('allow')).toBe('GET, HEAD')
    const document = (await (await parent.request('/docs/search/openapi.json')).json()) as { servers: unknown }
    expect(document.servers).toEqual([{ url: '/docs/search' }])
    expect(await (await parent.request('/own')).text()).toBe('own')
  })

  it("says the package's version, in /health and in its document", async () => {
    const app = await createToyApp()
    const { version } = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8')) as object & {
      readonly version: string
    }
    expect(await (await app.request('/health')).json()).toEqual({ status: 'ok', version })
    expect(await (await app.request('/openapi.json')).json()).toMatchObject({ info: { version } })
  })

  it('logs the whole error of a failure on the server, without the query string, and nothing of a client mistake', async () => {
    const entries: LogEntry[] = []
    const error = new FormatError('codes', '1', '2')
    const app = await createToyApp({ log: (entry) => entries.push(entry), search: () => Promise.reject(error) })
    await app.request('/v1/search?q=private+words', { headers: { 'x-request-id': 'req-1' } })
    await app.request('/v1/search')
    const path = '/v1/search'
    expect(entries).toEqual([{ level: 'error', requestId: 'req-1', method: 'GET', path, status: 502, error }])
  })

  it('gives probabilities as the softmax over the scores returned, also where exp(score) overflows', async () => {
    const scores = [1000, 999, 997]
    const hits = scores.map((score, i) => {
      return { id: toyPassages[i]!.id, place: { segment: 0, pid: i, opening: 0 }, rank: i + 1, score }
    })
    const parameters = { pipeline: 'resident', ncells: 1, centroidScoreThreshold: 0.5, ndocs: 256, k: 3 } as const
    const counts = { candidates: 3, approximated: 3, rescored: 3 }
    const app = await createToyApp({ search: async () => ({ hits, parameters, counts, generation: 1 }) })
    const { topk } = (await (await app.request('/api/search?query=a&k=3')).json()) as ColbertAnswer
    // By hand: 1 / (1 + e^-1 + e^-3) = 0.705385, times e^-1 = 0.259496, times e^-3 = 0.035119.
    for (const [i, prob] of [0.705385, 0.259496, 0.035119].entries()) expect(topk[i]!.prob).toBeCloseTo(prob, 6)
  })

  it('passes absent options on as absent', async () => {
    let options: unknown
    const app = await createToyApp({
      search: async (_, given) => {
        options = given
        return {
          hits: [],
          parameters: { pipeline: 'resident', ncells: 1, centroidScoreThreshold: 0.5, ndocs: 256, k: 10 },
          counts: { candidates: 0, approximated: 0, rescored: 0 },
          generation: 1,
        }
      },
    })
    expect((await app.request('/v1/search?q=a')).status).toBe(200)
    expect(options).toStrictEqual({ k: 10 })
    const nothing = (await (await app.request('/api/search?query=a')).json()) as ColbertAnswer
    expect(nothing.topk).toEqual([])
  })

  it('answers 304 when the page has not changed, with the policy that the page came with', async () => {
    const app = await createToyApp()
    const full = await app.request('/')
    const again = await app.request('/', { headers: { 'if-none-match': full.headers.get('etag') ?? '' } })
    expect(again.status).toBe(304)
    expect(full.headers.get('content-security-policy')).toContain('script-src')
    expect(again.headers.get('content-security-policy')).toBe(full.headers.get('content-security-policy'))
  })

  it('has a 4xx status for what a client can mend and a 5xx for what it cannot', () => {
    const mendable = Object.entries(statusOfCode).filter(([, status]) => status < 500)
    const codes: (TartanErrorCode | string)[] = mendable.map(([code]) => code)
    const http = [
      ...['METHOD_NOT_ALLOWED', 'PAYLOAD_TOO_LARGE', 'UNSUPPORTED_MEDIA_TYPE'],
      ...['REQUEST_TIMEOUT', 'HEADERS_TOO_LARGE'],
    ]
    expect(codes.sort()).toEqual(['INPUT', 'MODEL', 'NOT_FOUND', ...http].sort())
  })
})

describe('pagePolicy', () => {
  it('names the SHA-256 of each inline script and style, and allows nothing from elsewhere', async () => {
    // The hash comes from node:crypto, not from the Web Crypto call under test.
    const hash = (text: string) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`
    const policy = await pagePolicy('<style>p { color: red }</style><script type="module">let ü = 1</script>')
    expect(policy).toContain(`script-src ${hash('let ü = 1')};`)
    expect(policy).toContain(`style-src ${hash('p { color: red }')};`)
    expect(policy).toMatch(/^default-src 'none';/)
    expect(policy).not.toContain('unsafe')
  })
})

describe('serve', () => {
  it('serves on a free port, compresses, and refuses connections after close', async () => {
    const server = await serve({ app: await createToyApp(), port: 0 })
    const response = await fetch(`${server.url}/v1/search?q=twill`)
    expect([response.status, response.headers.get('content-encoding')]).toEqual([200, 'gzip'])
    expect(((await response.json()) as { hits: unknown[] }).hits).toHaveLength(9)
    await server.close()
    await expect(fetch(`${server.url}/health`)).rejects.toThrow()
  })

  it('lets a request under way finish before it closes', async () => {
    const toy = await createToySearcher('toy', new ToyEncoder(), toyPassages)
    let release = () => {}
    let started = () => {}
    const underWay = new Promise<void>((resolve) => (started = resolve))
    const gate = new Promise<void>((resolve) => (release = resolve))
    const app = await createToyApp({
      search: async (query, options) => {
        started()
        await gate
        return toy.search(query, options)
      },
    })
    const server = await serve({ app, port: 0 })
    const answer = fetch(`${server.url}/v1/search?q=twill`)
    await underWay
    const closed = server.close()
    release()
    expect((await answer).status).toBe(200)
    await closed
  })

  it('says how to choose another port when one is in use', async () => {
    const first: RunningServer = await serve({ app: await createToyApp(), port: 0 })
    const port = Number(new URL(first.url).port)
    const second = serve({ app: await createToyApp(), port })
    await expect(second).rejects.toThrow(InputError)
    await expect(second).rejects.toThrow(`port ${port}: the port is in use. Choose another with --port`)
    await first.close()
  })

  it.each([-1, 1.5, 65_536, Number.NaN])('refuses port %d', async (port) => {
    await expect(serve({ app: await createToyApp(), port })).rejects.toThrow(/from 0 to 65535/)
  })
})
