/** One app, every host: test/contracts/app.cases.json on the real Node, Deno, Bun, workerd and Chromium, and as Lambda events. */
import { afterAll, beforeAll, describe } from 'vitest'
import { functionUrlEvent } from '../../../lab/hosts/functionUrlEvent.ts'
import { startScript } from '../../../lab/hosts/script.ts'
import { startWorkerd } from '../../../lab/hosts/workerd.ts'
import { lambdaHandler } from '../../../runtime/platform/lambda.ts'
import { replayCases } from '../../contracts/appCases.ts'
import { createCaseHandler } from '../../contracts/caseApps.ts'
import { type ChromiumHost, startModuleWorkerHost, startServiceWorkerHost } from './chromiumCases.ts'

interface Host {
  readonly url: string
  stop(): Promise<void>
}

const hosts: readonly [string, () => Promise<Host>][] = [
  ['Node', () => startScript('node', 'test/platforms/conformance/caseScript.ts')],
  ['Deno', () => startScript('deno', 'test/platforms/conformance/caseScript.ts')],
  ['Bun', () => startScript('bun', 'test/platforms/conformance/caseScript.ts')],
  ['workerd', () => startWorkerd('test/platforms/conformance/caseWorker.ts')],
]

describe.each(hosts)('%s', (name, start) => {
  let host: Host
  beforeAll(async () => {
    host = await start()
  })
  afterAll(() => host.stop())

  replayCases(name, (path, init) => fetchAgain(host.url + path, init))
})

const chromiumHosts: readonly [string, () => Promise<ChromiumHost>][] = [
  ['Service Worker', startServiceWorkerHost],
  ['module worker', startModuleWorkerHost],
]

describe.each(chromiumHosts)('%s', (name, start) => {
  let host: ChromiumHost
  beforeAll(async () => {
    host = await start()
  })
  afterAll(() => host?.stop())

  replayCases(name, (path, init) => host.send(path, init))
})

/**
 * A server may refuse a body and close before all of it was sent, or close a kept-alive connection just when the client uses it again. Whether
 * the client then reads the answer or fails to write is a race between the two: clients send anew.
 */
async function fetchAgain(url: string, init: RequestInit, tries = 8): Promise<Response> {
  try {
    return await fetch(url, init)
  } catch (error) {
    if (tries === 1) throw error
    return fetchAgain(url, init, tries - 1)
  }
}

describe('Lambda', () => {
  const handle = createCaseHandler()
  const lambda = lambdaHandler({ open: async () => ({ fetch: handle }) as never })

  replayCases('Lambda', async (path, init) => {
    const answer = (await lambda(functionUrlEvent(path, init) as never, {} as never)) as LambdaAnswer
    const { statusCode, headers, body, isBase64Encoded } = answer
    const bytes = isBase64Encoded ? Buffer.from(body, 'base64') : body
    return new Response([204, 304].includes(statusCode) ? null : bytes, { status: statusCode, headers })
  })
})

interface LambdaAnswer {
  readonly statusCode: number
  readonly headers: Record<string, string>
  readonly body: string
  readonly isBase64Encoded: boolean
}
