/** Runs the encoder on each host, in a fresh process, worker or page: for the tests and for bench/edge/encoding/encode.ts. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Browser, Page } from 'playwright-core'
import { startWorkerd } from '../hosts/workerd.ts'
import { ROOT } from '../root.ts'
import type { PageReport, PageTask } from './encoderPage.ts'
import type { EncodeReport, EncodeTask } from './encoderRun.ts'

const run = promisify(execFile)
/** Two cores are shared by whatever else runs. */
export const HOST_TIMEOUT_MS = 120_000

/** Command → what it needs before the name of a script. */
const COMMANDS = {
  node: [],
  deno: ['run', '--allow-read', '--allow-env', '--allow-sys', '--allow-net'],
  bun: ['run'],
} as const

/** @throws Error with what the host said when it fails or is not there */
export async function encodeByScript(command: keyof typeof COMMANDS, task: EncodeTask): Promise<EncodeReport> {
  const words = [...COMMANDS[command], 'lab/encoding/encoderScript.ts', JSON.stringify(task)]
  const limits = { cwd: ROOT, timeout: HOST_TIMEOUT_MS, maxBuffer: 2 ** 27 }
  const { stdout } = await run(join(ROOT, 'node_modules/.bin', command), words, limits)
  return JSON.parse(stdout) as EncodeReport
}

export async function encodeByWorkerd(task: EncodeTask): Promise<EncodeReport> {
  const workerd = await startWorkerd('lab/encoding/encoderWorker.ts')
  try {
    const response = await fetch(workerd.url, { method: 'POST', body: JSON.stringify(task) })
    const text = await response.text()
    if (!response.ok) throw new Error(`workerd answered ${response.status}: ${text}`)
    return JSON.parse(text) as EncodeReport
  } finally {
    await workerd.stop()
  }
}

export interface PageRun {
  readonly report: PageReport
  /** What the page complained about. */
  readonly complaints: readonly string[]
  /** Does it again in the same profile, after a reload. */
  again(): Promise<PageReport>
  close(): Promise<void>
}

export interface PageOptions {
  readonly where: 'page' | 'worker'
  /** More than one opens the page isolated. */
  readonly threads: number
}

/** @param url - of the encoder server, which has the page */
export async function encodeByPage(
  browser: Browser,
  url: string,
  task: EncodeTask,
  { where, threads }: PageOptions,
): Promise<PageRun> {
  const context = await browser.newContext()
  const page = await context.newPage()
  const complaints: string[] = []
  page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()))
  page.on('pageerror', (error) => complaints.push(String(error)))
  const name = where === 'page' ? 'encodeHere' : 'encodeInWorker'
  const pageTask: PageTask = { ...task, ortUrl: `${url}/ort/`, threads }
  await page.goto(url + (threads > 1 ? '/isolated' : '/page'))
  const report = await call(page, name, pageTask)
  return {
    report,
    complaints,
    async again() {
      await page.reload()
      return call(page, name, pageTask)
    },
    close: () => context.close(),
  }
}

async function call(page: Page, name: string, task: PageTask): Promise<PageReport> {
  await page.waitForFunction((wanted) => wanted in globalThis, name)
  return page.evaluate<PageReport, [string, PageTask]>(
    ([called, given]) => (globalThis as unknown as Record<string, (given: PageTask) => PageReport>)[called]!(given),
    [name, task],
  )
}
