/**
 * Caching of answers to GET (RFC 9110 §13, RFC 9111). The ETag is made of everything an answer depends on, so it is known before
 * the search: who has the answer already is told so without one.
 */
import type { Context, MiddlewareHandler } from 'hono'
import { setMetric } from 'hono/timing'
import type { Catalog } from './catalog.ts'

/** Fresh for a minute; shown for ten more while a new one is fetched. An index that is replaced gets other ETags. */
export const CACHE_CONTROL_DEFAULT = 'public, max-age=60, stale-while-revalidate=600'

/** A cache of the Cache API. */
export type AnswerCache = Pick<Cache, 'match' | 'put'>

export interface CachePolicy {
  readonly catalog: Catalog
  /** What all answers of the app depend on: the package's version, the encoder's weights, the tier. */
  readonly app: readonly unknown[]
  /** Header of answers; false: none is cached. */
  readonly cacheControl: string | false
  /** Where answers are kept for all who ask, under their ETags. */
  readonly answerCache?: AnswerCache | undefined
}

/** For routes that search. Answers to POST are nobody's to keep; problems never are. */
export function cacheAnswers({ catalog, app, cacheControl, answerCache }: CachePolicy): MiddlewareHandler {
  return async (c, next) => {
    const isGet = c.req.method === 'GET' || c.req.method === 'HEAD'
    const { index, ...parameters } = c.req.query()
    const found = isGet && cacheControl !== false ? catalog.all.find(({ name }) => name === (index ?? name)) : undefined
    if (!found || cacheControl === false) {
      await next()
      if (c.res.ok) c.header('Cache-Control', 'no-store')
      return
    }
    const { name, revision } = found.search.info
    const etag = await etagOf([...app, c.req.path, name, revision, normalised(parameters)])
    const headers = { ETag: etag, 'Cache-Control': cacheControl }
    if (holds(c.req.header('if-none-match'), etag)) return c.body(null, 304, headers)
    const kept = c.req.method === 'GET' ? await match(answerCache, etag) : undefined
    if (kept) {
      setMetric(c, 'cached')
      return c.body(await kept.arrayBuffer(), 200, { ...headers, 'Content-Type': 'application/json' })
    }
    await next()
    if (c.res.status !== 200) return
    // What a limit or a deadline cut short must not be kept as if it were the answer; nor an answer of another generation than the tag's.
    if (c.get(PARTIAL) === true || found.search.info.revision !== revision) {
      c.header('Cache-Control', 'no-store')
      return
    }
    for (const [header, value] of Object.entries(headers)) c.header(header, value)
    if (answerCache && c.req.method === 'GET') await afterwards(c, keep(answerCache, etag, c.res.clone(), cacheControl))
  }
}

/** Nothing is ever fetched from this address (.invalid, RFC 2606); the tag names the answer. */
const addressOf = (etag: string) => `https://tartan.invalid/answers/${etag.slice(1, -1)}`

/** A cache that fails is as one that is empty. */
function match(cache: AnswerCache | undefined, etag: string): Promise<Response | undefined> {
  return cache?.match(addressOf(etag)).catch(() => undefined) ?? Promise.resolve(undefined)
}

async function keep(cache: AnswerCache, etag: string, answer: Response, cacheControl: string): Promise<void> {
  const body = await answer.arrayBuffer()
  await cache.put(addressOf(etag), new Response(body, { headers: { 'Cache-Control': cacheControl } })).catch(() => {})
}

/** Work that the answer need not wait for, where the host lets it go on after that. */
async function afterwards(c: Context, work: Promise<void>): Promise<void> {
  let later: ((work: Promise<void>) => void) | undefined
  try {
    const { executionCtx } = c
    later = (pending) => executionCtx.waitUntil(pending)
  } catch {
    // Hosts without such a context: Hono throws.
  }
  if (later) later(work)
  else await work
}

/** Set by a handler whose answer says that something was skipped: it may be another the next time. */
export const PARTIAL = 'tartan-partial'

/** The order of parameters and white space around a query say nothing. */
function normalised(parameters: Readonly<Record<string, string>>): readonly (readonly [string, string])[] {
  return Object.entries(parameters)
    .map(([name, value]) => [name === 'q' ? 'query' : name, value.trim()] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1))
}

/** Strong: the same inputs give the same bytes, on every host. */
async function etagOf(facts: readonly unknown[]): Promise<string> {
  const bytes = new TextEncoder().encode(JSON.stringify(facts))
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))
  return `"${Array.from(digest.subarray(0, 16), (byte) => byte.toString(16).padStart(2, '0')).join('')}"`
}

/** `If-None-Match`: a list of tags, or anything. Weak tags match as strong ones do (RFC 9110 §13.1.2). */
function holds(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false
  return header.trim() === '*' || header.split(',').some((tag) => tag.trim().replace(/^W\//, '') === etag)
}
