/** More requests than can be computed at once: turns, refusals, equal questions, clients that leave, and an orderly end. */
import { request } from 'node:http'
import { connect } from 'node:net'
import { describe, expect, it } from 'vitest'
import { type AppOptions, createApp } from '../../runtime/http/app.ts'
import { type RunningServer, serve } from '../../runtime/platform/node/server.ts'
import type { SearchAnswer } from '../../runtime/searcher.ts'
import { Admission } from '../../runtime/waiting/admission.ts'
import { createToySearcher, ToyEncoder, toyPassages } from './toySearcher.ts'

/** An app whose searches end when `release` is called, and say what they were begun with. */
async function heldApp(options: Partial<AppOptions> = {}) {
  const encoder = new ToyEncoder()
  const toy = await createToySearcher('toy', encoder, toyPassages)
  const begun: number[] = []
  const held: (() => void)[] = []
  const search = async (...args: Parameters<typeof toy.search>): Promise<SearchAnswer> => {
    begun.push(args[1]?.k ?? 0)
    await new Promise<void>((resolve) => held.push(resolve))
    return toy.search(...args)
  }
  const admission = new Admission({ lanes: 1, waitingMax: 2 })
  const indexes = {
    ...toy,
    search,
    withSnapshot: <T>(work: (snapshot: typeof toy) => Promise<T>) => work({ ...toy, search }),
  }
  return {
    app: createApp({ indexes, encoder, admission, ...options }),
    begun,
    admission,
    /** Ends searches as they come, until all have. */
    async release(until: () => boolean) {
      while (!until()) {
        for (const end of held.splice(0)) end()
        await new Promise((resolve) => setImmediate(resolve))
      }
    },
  }
}

async function eventually(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setImmediate(resolve))
}

describe('an app with an admission', () => {
  it('answers in the order of asking, and refuses with 503 and Retry-After who would be too many', async () => {
    const { app, begun, admission, release } = await heldApp()
    const asked = [1, 2, 3, 4].map((k) => app.request(`/v1/search?q=twill&k=${k}`))
    const refused = await asked[3]!
    expect([refused.status, refused.headers.get('content-type')]).toEqual([503, 'application/problem+json'])
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
    expect(await refused.json()).toMatchObject({ code: 'BUSY', status: 503 })
    await release(() => begun.length === 3 && admission.underWay === 0)
    expect((await Promise.all(asked.slice(0, 3))).map(({ status }) => status)).toEqual([200, 200, 200])
    expect(begun).toEqual([1, 2, 3])
  })

  it('answers /health, /ready and refusals of wrong requests while all lanes are taken', async () => {
    const { app, begun, release, admission } = await heldApp()
    const asked = app.request('/v1/search?q=twill')
    await eventually(() => begun.length === 1)
    for (const [path, status] of [
      ['/health', 200],
      ['/ready', 200],
      ['/v1/search?k=0', 400],
    ] as const)
      expect((await app.request(path)).status).toBe(status)
    await release(() => admission.underWay === 0)
    expect((await asked).status).toBe(200)
  })

  it('says of /ready what was seen last, where storage does not answer at once', async () => {
    const encoder = new ToyEncoder()
    const toy = await createToySearcher('toy', encoder, toyPassages)
    let looks = 0
    const health = () => (looks++ === 0 ? Promise.resolve({}) : new Promise<never>(() => {}))
    const app = createApp({
      indexes: { ...toy, health },
      encoder,
      admission: new Admission({ lanes: 1 }),
      timeoutMs: 5000,
    })
    const statuses = []
    for (let i = 0; i < 3; i++) statuses.push((await app.request('/ready')).status)
    // The second look never ends; the third is not begun beside it.
    expect([statuses, looks]).toEqual([[200, 200, 200], 2])
  })

  it('computes equal questions at once only once, by GET and by POST', async () => {
    const { app, begun, release, admission } = await heldApp()
    const post = () =>
      app.request('/v1/search', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ query: 'twill', k: 2 }),
      })
    const asked = [app.request('/v1/search?q=twill&k=2'), app.request('/v1/search?q=twill&k=2'), post(), post(), post()]
    await eventually(() => begun.length > 0)
    await release(() => begun.length > 0 && admission.underWay === 0 && admission.waiting === 0)
    const answers = await Promise.all(asked)
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200])
    const bodies = (await Promise.all(answers.map((answer) => answer.json()))) as { hits: unknown }[]
    for (const body of bodies) expect(body.hits).toEqual(bodies[0]!.hits)
    // At most one for each way of asking: GET leaves out what POST may say.
    expect(begun.length).toBeLessThanOrEqual(2)
    for (const answer of answers) expect(answer.headers.get('server-timing')).toContain('queue;dur=')
  })

  it('does not compute for a client that went away while it waited', async () => {
    const { app, begun, release, admission } = await heldApp()
    const first = app.request('/v1/search?q=twill&k=1')
    await eventually(() => begun.length === 1)
    const gone = new AbortController()
    const second = app.request('/v1/search?q=twill&k=2', { signal: gone.signal })
    await eventually(() => admission.waiting === 1)
    gone.abort()
    await second
    expect(admission.waiting).toBe(0)
    // One that was gone before the request was looked at is not computed for either: no event says so any more.
    await app.request('/v1/search?q=twill&k=3', { signal: gone.signal })
    await release(() => admission.underWay === 0)
    expect((await first).status).toBe(200)
    expect(begun).toEqual([1])
  })

  it('answers 504 in time, and then neither begins the search nor leaves it in the queue', async () => {
    const { app, begun, admission, release } = await heldApp({ timeoutMs: 20 })
    const asked = await Promise.all([1, 2].map((k) => app.request(`/v1/search?q=twill&k=${k}`)))
    expect(asked.map(({ status }) => status)).toEqual([504, 504])
    await release(() => admission.underWay === 0)
    // The second waited behind the first, or on a slow machine neither began in time.
    expect(begun.length).toBeLessThanOrEqual(1)
    expect(admission.waiting).toBe(0)
  })

  it.each([
    ['/v1/search', { query: 'twill', k: 6 }, '"k": this server allows at most 5, got 6'],
    ['/v1/search', { query: 'twill', k: 4, highlight: true }, '"k" with "highlight": this server allows at most 3'],
    ['/v1/search', { vectors: [[1], [1], [1]] }, 'rows of "vectors": this server allows at most 2, got 3'],
    ['/v1/rerank', { query: 'a', texts: ['b', 'c'] }, 'texts in "texts": this server allows at most 1, got 2'],
    ['/v1/encode', { texts: ['b', 'c'] }, 'texts in "texts"'],
    ['/api/search', { query: 'twill', k: 6 }, '"k": this server allows at most 5, got 6'],
  ])('keeps to what its operator allows: %s %j', async (path, body, detail) => {
    const { app, begun } = await heldApp({ limits: { k: 5, highlight: 3, rows: 2, texts: 1 } })
    const answer = await app.request(path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    expect([answer.status, ((await answer.json()) as { detail: string }).detail]).toEqual([
      400,
      expect.stringContaining(detail),
    ])
    expect(begun).toEqual([])
  })
})

describe('serve', () => {
  /** Statuses of n requests at once, each over a connection of its own; a connection that was cut off gives its error. */
  function ask(server: RunningServer, n: number): Promise<(number | string)[]> {
    const one = (i: number) =>
      new Promise<number | string>((resolve) => {
        request(`${server.url}/v1/search?q=twill&k=${i + 1}`, { agent: false }, (answer) => {
          answer.resume().on('end', () => resolve(answer.statusCode ?? 0))
        })
          .on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
          .end()
      })
    return Promise.all(Array.from({ length: n }, (_, i) => one(i)))
  }

  it('answers or refuses every request that had arrived when it is closed', async () => {
    const { app, begun, release, admission } = await heldApp()
    const server = await serve({ app, port: 0, admission })
    const asked = ask(server, 40)
    await eventually(() => begun.length > 0)
    const closed = server.close()
    let isClosed = false
    void closed.then(() => {
      isClosed = true
    })
    await release(() => isClosed)
    const statuses = await asked
    // One in the lane, two may wait; the rest is refused, and nobody is cut off.
    expect(new Set(statuses)).toEqual(new Set([200, 503]))
    expect(statuses.filter((status) => status === 200).length).toBeGreaterThanOrEqual(3)
  })

  it('says that it is not ready while it closes, and takes no connection when it is closed', async () => {
    const { app, begun, release, admission } = await heldApp()
    const server = await serve({ app, port: 0, admission })
    const asked = ask(server, 1)
    await eventually(() => begun.length > 0)
    const closed = server.close()
    const ready = await fetch(`${server.url}/ready`)
    expect([ready.status, ready.headers.get('connection')]).toEqual([503, 'close'])
    expect(await ready.json()).toMatchObject({ code: 'BUSY' })
    let isClosed = false
    void closed.then(() => {
      isClosed = true
    })
    await release(() => isClosed)
    expect(await asked).toEqual([200])
    await expect(fetch(`${server.url}/health`)).rejects.toThrow()
  })

  it('refuses bodies beyond what it reads at once, and takes them again when those are done', async () => {
    const { app } = await heldApp()
    const server = await serve({ app, port: 0 })
    const { port } = new URL(server.url)
    // Bodies that never end: 64 of a megabyte are read at once.
    const head = `POST /v1/search HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: ${1024 * 1024}\r\n\r\n{`
    const stalled = Array.from({ length: 64 }, () =>
      connect(Number(port), '127.0.0.1', function (this: ReturnType<typeof connect>) {
        this.write(head)
      }),
    )
    const post = () =>
      fetch(`${server.url}/v1/search`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' })
    let refused: Response
    do refused = await post()
    while (refused.status === 400)
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1'])
    expect((await fetch(`${server.url}/health`)).status).toBe(200)
    for (const socket of stalled) socket.destroy()
    do refused = await post()
    while (refused.status === 503)
    expect(refused.status).toBe(400)
    await server.close()
  })
})
