/** Real Chromium as hosts of the case apps: a Service Worker that answers a page's fetch, and a module worker that is asked by messages. */
import { build } from 'esbuild'
import type { Page } from 'playwright-core'
import { launchChromium } from '../../../lab/hosts/chromium.ts'
import { ROOT } from '../../../lab/root.ts'
import { startStorageServer } from '../../../lab/storage/storageServer.ts'

export interface ChromiumHost {
  send(path: string, init: RequestInit): Promise<Response>
  stop(): Promise<void>
}

interface Sent {
  readonly status: number
  readonly headers: [string, string][]
  readonly body: string
}

/** What a page can be given by the test: the parts of RequestInit that are plain data. */
type Asked = [
  path: string,
  init: { readonly method?: string; readonly headers?: Record<string, string>; readonly body?: string },
]

/** Runs in the page. */
const ASK_SERVICE_WORKER = async ([path, init]: Asked): Promise<Sent> => {
  const response = await fetch(path, init)
  return { status: response.status, headers: [...response.headers], body: await response.text() }
}
/** Runs in the page. */
const ASK_MODULE_WORKER = (sent: Asked): Promise<Sent> =>
  new Promise((resolve) => {
    const { worker } = globalThis as unknown as { worker: Worker }
    worker.addEventListener('message', ({ data }: MessageEvent<Sent>) => resolve(data), { once: true })
    worker.postMessage(sent)
  })

/** Script of a page whose Service Worker is script.js. */
export const REGISTER = `navigator.serviceWorker.register('/script.js')
  navigator.serviceWorker.ready.then(() => new Promise((resolve) =>
    navigator.serviceWorker.controller ? resolve() : navigator.serviceWorker.addEventListener('controllerchange', resolve)))
    .then(() => { globalThis.isReady = true })`

export const startServiceWorkerHost = (): Promise<ChromiumHost> =>
  startHost('caseServiceWorker.ts', REGISTER, ASK_SERVICE_WORKER)

/** What the page gets from its fetch. */
export const askPage = (page: Page, ...sent: Asked): Promise<Sent> => page.evaluate(ASK_SERVICE_WORKER, sent)

export const startModuleWorkerHost = (): Promise<ChromiumHost> =>
  startHost(
    'caseModuleWorker.ts',
    "globalThis.worker = new Worker('/script.js', { type: 'module' }); globalThis.isReady = true",
    ASK_MODULE_WORKER,
  )

async function startHost(
  entry: string,
  pageScript: string,
  ask: (sent: Asked) => Promise<Sent>,
): Promise<ChromiumHost> {
  const server = await startStorageServer()
  const script = await bundle(`test/platforms/conformance/${entry}`)
  server.files.set('script.js', script)
  server.files.set('host.html', Buffer.from(`<!doctype html><title>host</title><script>${pageScript}</script>`))
  const browser = await launchChromium()
  const stop = async () => {
    await browser.close()
    await server.close()
  }
  try {
    const page: Page = await browser.newPage()
    await page.goto(`${server.url}/host.html`)
    await page.waitForFunction('globalThis.isReady === true')
    return {
      async send(path, init) {
        const { status, headers, body } = await page.evaluate(ask, [path, init] as Asked)
        return new Response([204, 304].includes(status) ? null : body, { status, headers })
      },
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

/** A script as a site would serve it. */
export async function bundle(entry: string): Promise<Uint8Array> {
  const { outputFiles } = await build({
    absWorkingDir: ROOT,
    entryPoints: [entry],
    bundle: true,
    minify: true,
    format: 'esm',
    write: false,
    conditions: ['browser'],
  })
  return outputFiles[0]!.contents
}
