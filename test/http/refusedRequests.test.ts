/** What Node's HTTP parser refuses, over real sockets: a problem like all others, never an empty body. */
import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createApp } from '../../runtime/http/index.ts'
import { type RunningServer, serve } from '../../runtime/platform/node.ts'
import { createToySearcher, ToyEncoder, toyPassages } from './toySearcher.ts'

let server: RunningServer

beforeAll(async () => {
  const encoder = new ToyEncoder()
  server = await serve({
    app: createApp({ indexes: await createToySearcher('toy', encoder, toyPassages), encoder }),
    port: 0,
  })
})

afterAll(() => server?.close())

interface Answer {
  readonly status: number
  readonly type: string | undefined
  readonly problem: { code: string; detail: string; status: number }
}

/** Sends bytes as they are, and reads until the server closes the connection. */
function send(text: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    let got = ''
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1', () => socket.write(text))
    socket.setEncoding('utf8').on('data', (part) => {
      got += part
    })
    socket.on('error', reject).on('close', () => {
      const [head = '', body = ''] = got.split('\r\n\r\n')
      const type = /^content-type: (.*)$/im.exec(head)?.[1]
      resolve({ status: Number(head.split(' ')[1]), type, problem: JSON.parse(body) as Answer['problem'] })
    })
  })
}

describe('a request that Node refuses', () => {
  it.each([
    ['an unknown method', 'BREW /health HTTP/1.1\r\nHost: a\r\n\r\n', 400, 'INPUT'],
    ['no host', 'GET /health HTTP/1.1\r\nConnection: close\r\n\r\n', 400, 'INPUT'],
    ['a host that is none', 'GET /health HTTP/1.1\r\nHost: a b/c\r\nConnection: close\r\n\r\n', 400, 'INPUT'],
    ['no HTTP at all', 'hello\r\n\r\n', 400, 'INPUT'],
    [
      'a URL beyond all limits',
      `GET /v1/search?q=${'a'.repeat(200_000)} HTTP/1.1\r\nHost: a\r\n\r\n`,
      ...([431, 'HEADERS_TOO_LARGE'] as const),
    ],
  ] as const)('because of %s is answered with a problem', async (_, text, status, code) => {
    const answer = await send(text)
    expect(answer).toMatchObject({ status, type: 'application/problem+json', problem: { status, code } })
    expect(answer.problem.detail.length).toBeGreaterThan(20)
  })

  it('is none that only asks for much: the longest query fits a URL, a longer one is told so', async () => {
    const longest = await fetch(`${server.url}/v1/search?k=1&q=${encodeURIComponent('織'.repeat(8192))}`)
    expect(longest.status).toBe(200)
    const longer = await fetch(`${server.url}/v1/search?q=${'a'.repeat(20_000)}`)
    expect([longer.status, await longer.text()]).toEqual([400, expect.stringContaining('at most 8192 characters')])
  })
})
