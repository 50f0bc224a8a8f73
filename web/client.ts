/** Asks the app that served the page. Paths are relative to where the page lies, so the app may be mounted anywhere. */
import type { IndexAnswer, IndexesAnswer, SearchAnswerBody } from '../runtime/http/index.ts'

export type { IndexAnswer, SearchAnswerBody }

/** What the server or the network had to say, ready to be shown. */
export class AnswerError extends Error {
  override readonly name = 'AnswerError'
  readonly title: string
  constructor(title: string, detail: string) {
    super(detail)
    this.title = title
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
  const { title, detail } = (answer ?? {}) as { title?: unknown; detail?: unknown }
  throw new AnswerError(
    typeof title === 'string' ? title : `Error ${response.status}`,
    typeof detail === 'string' ? detail : `The server answered with status ${response.status} and without a reason.`,
  )
}
