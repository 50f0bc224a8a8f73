/** What a page and its search worker tell each other: one message a call, one an answer. */
import type { AskOptions, Question } from '../../ask/textSearch.ts'
import type { SentError } from '../../pool/sentError.ts'
import type { IndexInfo } from '../../searcher.ts'
import type { BrowserSearchOptions } from './openBrowser.ts'

export type Call =
  | { readonly method: 'open'; readonly options: BrowserSearchOptions }
  | { readonly method: 'ask'; readonly question: Question; readonly options: Omit<AskOptions, 'signal'> }
  | { readonly method: 'passage'; readonly passageId: string }
  | { readonly method: 'close' }

/** `id` is the page's number of the call. A withdrawn question gets no answer that anyone waits for. */
export type ToWorker = { readonly id: number } & (Call | { readonly method: 'withdraw' })

export type FromWorker = { readonly id: number } & ({ readonly result: unknown } | { readonly error: SentError })

/** The result of 'open'. */
export interface OpenedInWorker {
  readonly info: IndexInfo
}
