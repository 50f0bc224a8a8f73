/** Asks a server for /health every tenth of a second, over a connection of its own, in a process of its own. */
import { readFile } from 'node:fs/promises'
import { Agent, request } from 'node:http'
import { answerParent } from '../harness/freshProcess.ts'

export interface HealthTask {
  readonly url: string
  /** Of the server, whose memory is looked at as well (Linux). */
  readonly pid: number
  readonly seconds: number
}

export interface HealthAnswer {
  readonly ms: readonly number[]
  /** Resident memory of the server, bytes; one a look. */
  readonly rss: readonly number[]
}

const EVERY_MS = 100
const PATIENCE_MS = 30_000

function health(url: string, agent: Agent): Promise<number> {
  const from = performance.now()
  return new Promise((resolve) => {
    const end = () => resolve(performance.now() - from)
    request(`${url}/health`, { agent, timeout: PATIENCE_MS }, (answer) => answer.resume().on('end', end))
      .on('error', end)
      .end()
  })
}

async function residentBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024
}

answerParent<HealthTask, HealthAnswer>(async ({ url, pid, seconds }) => {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const ms: number[] = []
  const rss: number[] = []
  const until = performance.now() + seconds * 1000
  while (performance.now() < until) {
    ms.push(await health(url, agent))
    rss.push(await residentBytes(pid))
    await new Promise((resolve) => setTimeout(resolve, EVERY_MS))
  }
  agent.destroy()
  return { ms, rss }
})
