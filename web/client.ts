/** Asks the app that served the page. Paths are relative to where the page lies, so the app may be mounted anywhere. */
import type { IndexAnswer, IndexesAnswer, SearchAnswerBody } from '../runtime/http/index.ts'

export type { IndexAnswer, SearchAnswerBody }

/** Longer than this nobody looks at a page that waits. */
const WAIT_SECONDS_MAX = 30

/** What the server or the network had to say, ready to be shown. */
export class AnswerError extends Error {
  override readonly name = 'AnswerError'
  readonly title: string
  /** HTTP status; 0 when there was no answer. */
  readonly status: number
  /** Seconds after which asking again is worth while, where the server says so. */
  readonly retryAfter: number | undefined

  constructor(title: string, detail: string, status = 0, retryAfter?: number) {
    super(detail)
    this.title = title
    this.status = status
    this.retryAfter = retryAfter
  }

  /** Whether the same question may be answered later. */
  get isPassing(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 500
  }
}

export interface Question {
  readonly query: string
  readonly index: string
  readonly k: number
  readonly highlight: boolean
}

/** @throws AnswerError, or an AbortError when `signal` fires */
export async function askSearch(question: Question, signal: AbortSignal): Promise<SearchAnswerBody> {
  // POST, as a long query would not fit a URL and need not stand in access logs.
  const body = JSON.stringify(question)
  const headers = { 'Content-Type': 'application/json' }
  return (await ask('v1/search', { method: 'POST', headers, body, signal })) as SearchAnswerBody
}

/**
 * As `askSearch`; a busy server is asked once more after the seconds it names.
 *
 * @param onWait - told each second how many are left
 */
export async function askPatiently(
  question: Question,
  signal: AbortSignal,
  onWait: (seconds: number) => void,
): Promise<SearchAnswerBody> {
  try {
    return await askSearch(question, signal)
  } catch (error) {
    const seconds = error instanceof AnswerError ? error.retryAfter : undefined
    if (seconds === undefined || seconds > WAIT_SECONDS_MAX) throw error
    for (let left = seconds; left > 0; left--) {
      onWait(left)
      await new Promise((resolve) => setTimeout(resolve, 1000))
      signal.throwIfAborted()
    }
    return askSearch(question, signal)
  }
}

/** @throws AnswerError */
export async function askIndexes(): Promise<readonly IndexAnswer[]> {
  return ((await ask('v1/indexes', {})) as IndexesAnswer).indexes
}

async function ask(path: string, init: RequestInit): Promise<unknown> {
  // The page may be at "/base" or "/base/"; both mean the same base.
  const base = location.pathname.replace(/\/?$/, '/')
  let response: Response
  try {
    response = await fetch(base + path, init)
  } catch (error) {
    if (init.signal?.aborted) throw error
    throw new AnswerError('No answer', 'The server cannot be reached. Check that it runs, then try again.')
  }
  const answer: unknown = await response.json().catch((error: unknown) => {
    if (init.signal?.aborted) throw error
    return undefined
  })
  if (response.ok && answer !== undefined) return answer
  throw errorOf(response, answer)
}

/** Status phrases are for programs; people are told what it means for them. */
const TITLES: Readonly<Record<number, string>> = {
  400: 'This question cannot be answered',
  404: 'There is no such thing here',
  409: 'The model does not fit the index',
  413: 'The question is too long',
  429: 'The server is busy',
  500: 'The server made a mistake',
  502: 'The index is damaged',
  503: 'Not available now',
  504: 'It took too long',
}

function errorOf(response: Response, answer: unknown): AnswerError {
  const { status } = response
  const { detail, code } = (answer ?? {}) as { detail?: unknown; code?: unknown }
  const told = typeof detail === 'string' ? detail.replace(' See openapi.json for what is accepted.', '') : undefined
  // Which parameters make a search cheaper is no help to who has typed words.
  const shown = status === 504 ? 'The server did not finish in time. Try again in a moment.' : told
  return new AnswerError(
    code === 'BUSY' ? 'The server is busy' : (TITLES[status] ?? `Error ${status}`),
    shown ?? `The server answered with status ${status} and without a reason.`,
    status,
    secondsOf(response.headers.get('Retry-After')),
  )
}

/** `Retry-After` (RFC 9110 §10.2.3): seconds, or a date. */
function secondsOf(header: string | null): number | undefined {
  if (header === null) return undefined
  const seconds = /^\d+$/.test(header) ? Number(header) : Math.ceil((Date.parse(header) - Date.now()) / 1000)
  return Number.isFinite(seconds) ? Math.max(1, seconds) : undefined
}
