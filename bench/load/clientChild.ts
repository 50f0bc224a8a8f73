/** Clients in a process of their own: each asks, waits for the answer, and asks the next; and one that only asks for /health. */
import { Agent, request } from 'node:http'
import { answerParent } from '../harness/freshProcess.ts'

export interface ClientTask {
  /** Base URL of the server. */
  readonly url: string
  /** Each is asked once, in this order, whichever client is free; the list ends a run early when it is used up. */
  readonly queries: readonly string[]
  readonly clients: number
  /** Nothing is asked any more after so long; 0: each client asks once. */
  readonly seconds: number
  /** A client that has no answer after so long goes away. */
  readonly patienceMs: number
  /** Whether all connections are made before the first question: what a burst takes is then the server's time, not this process's. */
  readonly isConnected?: boolean
}

/** What became of one request. `status` 0: the connection failed; 1: the client went away. */
export interface Asked {
  readonly status: number
  /** From sending to the last byte of the answer. */
  readonly ms: number
  /** Milliseconds from the start of the run to the end of the request. */
  readonly at: number
}

export interface ClientAnswer {
  readonly asked: readonly Asked[]
  readonly seconds: number
}

interface Reply {
  readonly status: number
  readonly retryAfterMs: number
}

function get(url: string, agent: Agent, patienceMs: number): Promise<Reply> {
  return new Promise((resolve) => {
    const end = (status: number, retryAfter: string | undefined = undefined) =>
      resolve({ status, retryAfterMs: Number(retryAfter ?? 0) * 1000 })
    const asked = request(url, { agent }, (answer) => {
      answer
        .resume()
        .on('end', () => end(answer.statusCode ?? 0, answer.headers['retry-after']))
        .on('error', () => end(0))
    })
    const timer = setTimeout(() => {
      end(1)
      asked.destroy()
    }, patienceMs)
    asked.on('close', () => clearTimeout(timer)).on('error', () => end(0))
    asked.end()
  })
}

answerParent<ClientTask, ClientAnswer>(async ({ url, queries, clients, seconds, patienceMs, isConnected }) => {
  const agent = new Agent({ keepAlive: true, maxSockets: clients, maxFreeSockets: clients })
  if (isConnected) await Promise.all(Array.from({ length: clients }, () => get(`${url}/health`, agent, patienceMs)))
  const asked: Asked[] = []
  const rest = queries.values()
  const started = performance.now()
  const until = started + seconds * 1000
  const client = async () => {
    for (const query of rest) {
      const from = performance.now()
      const { status, retryAfterMs } = await get(
        `${url}/v1/search?k=10&q=${encodeURIComponent(query)}`,
        agent,
        patienceMs,
      )
      const now = performance.now()
      asked.push({ status, ms: now - from, at: now - started })
      // As the server asks its clients to. Without a number: a moment, so that a refusal is not a loop.
      if (status !== 200) await new Promise((resolve) => setTimeout(resolve, Math.max(200, retryAfterMs)))
      if (performance.now() >= until) return
    }
  }
  await Promise.all(Array.from({ length: clients }, client))
  agent.destroy()
  return { asked, seconds: (performance.now() - started) / 1000 }
})
