/** The remote encoder against a real Tartan, and against servers that fail in every way that was thought of. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text as readText } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  createRemoteEncoder,
  openRemoteEncoder,
  type RemoteEncoderOptions,
} from '../../../runtime/encoders/remoteEncoder.ts'
import { encodeBase64F32 } from '../../../runtime/encoders/vectorText.ts'
import { createApp } from '../../../runtime/http/index.ts'
import { type RunningServer, serve } from '../../../runtime/platform/node.ts'
import { createToySearcher, TOY_DIM, ToyEncoder, toyFingerprint, toyPassages } from '../../http/toySearcher.ts'

const index = { name: 'toy', encoder: toyFingerprint }
const ROWS = toyFingerprint.queryLength

describe('over a real Tartan', () => {
  let server: RunningServer
  const encoder = new ToyEncoder()
  beforeAll(async () => {
    const toy = await createToySearcher('toy', encoder, toyPassages)
    server = await serve({ app: createApp({ indexes: toy, encoder }), port: 0 })
  })
  afterAll(() => server.close())

  it('gives the very vectors of the encoder there, bit for bit', async () => {
    const remote = await openRemoteEncoder({ url: server.url, index })
    const here = await encoder.encodeQuery('twill drape')
    const there = await remote.encodeQuery('twill drape')
    expect(there.vectors).toEqual(here.vectors)
    expect([there.rows, there.dim, there.spans.length]).toEqual([ROWS, TOY_DIM, ROWS])
    const texts = Array.from({ length: 40 }, (_, i) => `passage number ${i}`)
    const passages = await remote.encodePassages(texts)
    expect(passages.map(({ vectors }) => vectors)).toEqual(
      (await encoder.encodePassages(texts)).map(({ vectors }) => vectors),
    )
  })

  it('sends long passages in requests that the server takes', async () => {
    const remote = createRemoteEncoder({ url: server.url, index })
    const texts = Array.from({ length: 32 }, (_, i) => `${i} ${'\u0001'.repeat(32_000)}`)
    expect(await remote.encodePassages(texts)).toHaveLength(32)
  })

  it('is an encoder for an app of its own, which finds the same', async () => {
    const toy = await createToySearcher('toy', encoder, toyPassages)
    const remote = createRemoteEncoder({ url: `${server.url}/`, index: toy.info })
    const app = createApp({ indexes: toy, encoder: remote })
    const found = (await (await app.request('/v1/search?q=twill+drape')).json()) as { hits: unknown }
    const own = (await (await fetch(`${server.url}/v1/search?q=twill+drape`)).json()) as { hits: unknown }
    expect(found.hits).toEqual(own.hits)
  })

  it('refuses, on opening, an encoder that did not build the index', async () => {
    const other = { name: 'other', encoder: { ...toyFingerprint, weightsSha256: 'f'.repeat(64) } }
    await expect(openRemoteEncoder({ url: server.url, index: other })).rejects.toMatchObject({
      code: 'MODEL',
      message: expect.stringMatching(/weightsSha256.*ffff.*1111.*toy-words/s),
    })
    const lazy = createRemoteEncoder({ url: server.url, index: other })
    await expect(lazy.encodeQuery('twill')).rejects.toMatchObject({ code: 'MODEL' })
  })

  it('refuses an index that does not say what it was built with', async () => {
    await expect(openRemoteEncoder({ url: server.url, index: { name: 'bare' } })).rejects.toMatchObject({
      code: 'MODEL',
      message: expect.stringContaining('"bare"'),
    })
  })

  it('refuses blank and endless queries without asking, and tells what the server says of others', async () => {
    const remote = createRemoteEncoder({ url: 'http://127.0.0.1:1/', index })
    for (const text of ['  ', 'a'.repeat(8193)]) {
      await expect(remote.encodeQuery(text)).rejects.toMatchObject({ code: 'INPUT' })
    }
    const real = createRemoteEncoder({ url: server.url, index })
    await expect(real.encodePassages(['a'.repeat(40_000)])).rejects.toMatchObject({
      code: 'INPUT',
      message: expect.stringContaining('32768 characters'),
    })
  })

  it('says that there is no encoder at a URL without one', async () => {
    const bare = await serve({ app: createApp({ indexes: {} }), port: 0 })
    for (const url of [bare.url, `${server.url}/elsewhere`]) {
      await expect(openRemoteEncoder({ url, index })).rejects.toMatchObject({
        code: 'MODEL',
        message: expect.stringMatching(/v1\/encode.*404/),
      })
    }
    await bare.close()
  })
})

type Answer = (request: IncomingMessage, response: ServerResponse, body: string) => void

describe('over a server that fails', () => {
  let server: Server
  let url: string
  /** Answers in turn; the last one again and again. */
  let script: Answer[]
  let calls: { method: string; body: string; authorization: string | undefined }[]

  beforeAll(async () => {
    server = createServer(async (request, response) => {
      const body = await readText(request)
      calls.push({ method: request.method ?? '', body, authorization: request.headers.authorization })
      const answer = script.length > 1 ? script.shift()! : script[0]!
      answer(request, response, body)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/base`
  })
  afterAll(() => {
    server.closeAllConnections()
    server.close()
  })

  /** A remote encoder over a server that answers by `answers`. */
  function encoderOver(answers: Answer[], options: Partial<RemoteEncoderOptions> = {}) {
    script = answers
    calls = []
    return createRemoteEncoder({ url, index, backoffMs: 1, ...options })
  }

  const json =
    (body: unknown, status = 200, headers: Record<string, string> = {}): Answer =>
    (_, response) =>
      response.writeHead(status, { 'Content-Type': 'application/json', ...headers }).end(JSON.stringify(body))
  const drop: Answer = (request) => request.socket.destroy()
  const hang: Answer = () => {}
  const vectors = encodeBase64F32(new Float32Array(ROWS * TOY_DIM).fill(0.0625))
  const right = { fingerprint: toyFingerprint, results: [{ rows: ROWS, vectors }] }

  it.each([
    ['429', json({ detail: 'slow down' }, 429)],
    ['500', json({}, 500)],
    ['503', json({}, 503)],
    ['a dropped connection', drop],
  ])('tries again after %s', async (_, failure) => {
    const remote = encoderOver([failure, failure, json(right)], { headers: { Authorization: 'Bearer t' } })
    expect((await remote.encodeQuery('a')).rows).toBe(ROWS)
    const sent = JSON.stringify({ texts: ['a'], kind: 'query', encodingFormat: 'base64' })
    expect(calls).toEqual(Array(3).fill({ method: 'POST', body: sent, authorization: 'Bearer t' }))
  })

  it('gives up after its retries, saying where and what', async () => {
    const remote = encoderOver([json({ detail: 'too many' }, 429)], { retries: 1 })
    await expect(remote.encodeQuery('a')).rejects.toMatchObject({
      code: 'DEVICE',
      message: expect.stringMatching(/\/base\/v1\/encode.*429.*too many/),
    })
    expect(calls).toHaveLength(2)
  })

  it('gives up on a server that hangs, before or within its answer', async () => {
    const half: Answer = (_, response) => void response.writeHead(200).write('{"fingerprint":')
    for (const answer of [hang, half]) {
      const remote = encoderOver([answer], { timeoutMs: 100, retries: 1 })
      await expect(remote.encodeQuery('a')).rejects.toMatchObject({
        code: 'DEVICE',
        message: expect.stringContaining('no answer in 100 ms'),
      })
      expect(calls).toHaveLength(2)
    }
  })

  it('waits as long as the server asks, within its limits', async () => {
    const remote = encoderOver([json({}, 429, { 'Retry-After': '1' }), json(right)])
    const started = performance.now()
    await remote.encodeQuery('a')
    // Timers may be early by a millisecond.
    expect(performance.now() - started).toBeGreaterThanOrEqual(999)
  })

  it.each([
    ['400', json({ detail: 'blank text' }, 400), 'INPUT', /blank text/],
    ['401', json({ detail: 'who are you' }, 401), 'DEVICE', /401.*who are you/],
    ['404', json({}, 404), 'MODEL', /404/],
    ['a redirect', json({}, 302, { Location: 'https://example.org/' }), 'DEVICE', /302/],
    ['another encoder', json({ ...right, fingerprint: { ...toyFingerprint, dim: 64 } }), 'MODEL', /dim 256.*got 64/],
    ['no fingerprint', json({ results: right.results }), 'MODEL', /a fingerprint, got none/],
    ['too few results', json({ ...right, results: [] }), 'MODEL', /1 results, got 0/],
    ['too few rows', json({ ...right, results: [{ rows: 31, vectors }] }), 'MODEL', /32 to 512 rows, got 31/],
    ['too few values', json({ ...right, results: [{ rows: 32, vectors: 'AAAA'.repeat(4) }] }), 'MODEL', /3 values/],
    ['rows as numbers', json({ ...right, results: [{ rows: 32, vectors: [[1]] }] }), 'MODEL', /base64, got object/],
    ['no base64', json({ ...right, results: [{ rows: 32, vectors: '!' }] }), 'MODEL', /base64/],
    [
      'values that are not finite',
      json({ ...right, results: [{ rows: 32, vectors: encodeBase64F32(new Float32Array(32 * 256).fill(NaN)) }] }),
      'MODEL',
      /finite/,
    ],
    ['no JSON', ((_, response) => response.end('<html>')) satisfies Answer, 'MODEL', /JSON, got "<html>"/],
    ['null', json(null), 'MODEL', /fingerprint/],
  ] as const)('refuses %s at once', async (_, answer, code, message) => {
    const remote = encoderOver([answer])
    await expect(remote.encodeQuery('a')).rejects.toMatchObject({ code, message: expect.stringMatching(message) })
    expect(calls).toHaveLength(1)
  })

  it('stops reading an answer without end', async () => {
    const chunk = Buffer.alloc(1024 * 1024, '[')
    const endless: Answer = (_, response) => {
      const write = () => {
        while (!response.destroyed && response.write(chunk));
      }
      response.on('drain', write)
      write()
    }
    const remote = encoderOver([endless], { timeoutMs: 20_000 })
    await expect(remote.encodeQuery('a')).rejects.toMatchObject({
      code: 'MODEL',
      message: expect.stringMatching(/at most \d+ bytes/),
    })
  })
})
