/** The HTTP app: routes and middleware over the ports `Searcher` and `Encoder`. Runs wherever Hono does. */
import { OpenAPIHono, z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { cors } from 'hono/cors'
import { etag, RETAINED_304_HEADERS } from 'hono/etag'
import { methodNotAllowed } from 'hono/method-not-allowed'
import { requestId } from 'hono/request-id'
import { secureHeaders } from 'hono/secure-headers'
import { setMetric, timing } from 'hono/timing'
import { AbortedError, BusyError, NotFoundError, StorageError } from '../../format/errors.ts'
import type { TierName } from '../../format/manifest/tiers.ts'
import { canHighlight, type QuestionEncoder } from '../ask/textSearch.ts'
import { VERSION } from '../version.ts'
import type { Admission } from '../waiting/admission.ts'
import {
  type Answered,
  answerColbert,
  answerEncode,
  answerEncoder,
  answerRerank,
  answerSearch,
  type EncodeSources,
  fieldsOf,
} from './answers.ts'
import { type AnswerCache, CACHE_CONTROL_DEFAULT, cacheAnswers, PARTIAL } from './caching.ts'
import {
  type Catalog,
  createCatalog,
  type NamedSearch,
  readiness,
  recentHealth,
  type ServedIndexes,
} from './catalog.ts'
import { allowedOrigins, EXPOSED_HEADERS } from './cors/origins.ts'
import { type Compute, createCompute, endOf, endsInTime, keyOf, kindOf } from './load/compute.ts'
import { type RequestLimits, requireWithin } from './load/limits.ts'
import { pagePolicy } from './page.ts'
import { makeProblem, problemHeaders, problemOf, problemResponse } from './problem.ts'
import * as routes from './routes.ts'
import { BODY_BYTES_MAX, type IndexAnswer, passageQuery, type SearchRequest } from './schemas.ts'
import { refuseInvalid } from './validation.ts'

const TIMEOUT_MS_DEFAULT = 30_000

/** A request that failed on the server's side, with the whole error that the client was not told. */
export interface LogEntry {
  readonly level: 'error'
  readonly requestId: string
  readonly method: string
  /** Without the query string, which may hold what people search for. */
  readonly path: string
  readonly status: number
  readonly error: unknown
}

export interface AppOptions {
  /** One index, or several by name; the first is the default. */
  readonly indexes: ServedIndexes
  /** Without it only ready vectors can be searched with. */
  readonly encoder?: QuestionEncoder
  /** HTML of the search page, shown at `/`; without it `/` is not found. */
  readonly page?: string
  /** Called for each failure on the server's side. */
  readonly log?: (entry: LogEntry) => void
  /** Origins whose pages may ask, e.g. ['https://docs.example.org'] or ['*']; 'null': pages without one. Default: only the app's own. */
  readonly origins?: readonly string[]
  /** Default 30,000. */
  readonly timeoutMs?: number
  /** `Cache-Control` of answers to GET searches; false: none is cached. Default: a minute, and ten more while one is fetched anew. */
  readonly cacheControl?: string | false
  /** Keeps answers to GET searches for all who ask the same, for as long as `cacheControl` says: `caches.default` on Workers. */
  readonly answerCache?: AnswerCache
  /** Tier of searches that name none; every index must have tiers. Default: `balanced` of those that have. */
  readonly tier?: TierName
  /**
   * Who is computed for, and when; equal questions at once are then computed once. For hosts with threads, where requests may share
   * promises: not for Workers. Default: every request is computed at once.
   */
  readonly admission?: Admission
  /** What one request may ask for. Default: what openapi.json says. */
  readonly limits?: RequestLimits
}

/** A Hono app; `parent.route('/base', app)` mounts it in another one. */
export type App = OpenAPIHono

/**
 * Builds the app. Opens nothing: searchers and encoder are ready, and stay the caller's to close.
 *
 * @throws InputError when a tier is named that an index lacks, or what is no origin
 */
export function createApp(options: AppOptions): App {
  const app: App = new OpenAPIHono({ defaultHook: refuseInvalid })
  const catalog = createCatalog(options)
  addMiddleware(app, options)
  const compute = createCompute(options.admission)
  addSearch(app, catalog, options, compute)
  addEncoding(app, catalog, options, compute)
  addCatalog(app, catalog, options)
  addDocuments(app, catalog, options)
  app.notFound((c) =>
    problemResponse(c, makeProblem('NOT_FOUND', `There is nothing at ${c.req.path}. See openapi.json.`)),
  )
  app.onError((thrown, c) => {
    const error = endOf(thrown, c)
    const problem = problemOf(error, c.get('requestId'))
    // Who admits counts those it refuses; work that was given up is told as what gave it up. A wrong model is the operator's to mend as well.
    const isToldElsewhere = error instanceof BusyError || thrown instanceof AbortedError
    if (!isToldElsewhere && (problem.status >= 500 || problem.code === 'MODEL')) {
      const { method, path } = c.req
      options.log?.({ level: 'error', requestId: c.get('requestId'), method, path, status: problem.status, error })
    }
    return problemResponse(c, problem, problemHeaders(error))
  })
  return app
}

function addMiddleware(app: App, { origins = [], timeoutMs = TIMEOUT_MS_DEFAULT }: AppOptions): void {
  app.use(requestId())
  app.use(timing())
  app.use(
    secureHeaders({
      contentSecurityPolicy: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] },
      // Whether a whole domain is HTTPS only is for its owner to say, not for an app that may be mounted anywhere on it.
      strictTransportSecurity: false,
      // The page's own, looser policy stays.
      overwrite: false,
    }),
  )
  if (origins.length > 0) {
    const allowed = allowedOrigins(origins)
    const origin = allowed === '*' ? allowed : [...allowed]
    const allowHeaders = ['Content-Type', 'If-None-Match', 'X-Request-Id']
    const exposeHeaders = [...EXPOSED_HEADERS]
    app.use(cors({ origin, allowMethods: ['GET', 'HEAD', 'POST'], allowHeaders, exposeHeaders, maxAge: 86_400 }))
  }
  app.use(
    methodNotAllowed({
      app,
      onMethodNotAllowed: (c, methods) => {
        const detail = `${c.req.path} takes ${methods.join(', ')}, not ${c.req.method}.`
        return problemResponse(c, makeProblem('METHOD_NOT_ALLOWED', detail), { Allow: methods.join(', ') })
      },
    }),
  )
  app.use(endsInTime(timeoutMs))
  app.use(
    bodyLimit({
      maxSize: BODY_BYTES_MAX,
      onError: (c) => {
        const detail = `The request body is larger than ${BODY_BYTES_MAX} bytes. Send fewer rows or digits, or a shorter filter.`
        return problemResponse(c, makeProblem('PAYLOAD_TOO_LARGE', detail))
      },
    }),
  )
}

function addSearch(app: App, catalog: Catalog, options: AppOptions, compute: Compute): void {
  const { encoder, tier, cacheControl = CACHE_CONTROL_DEFAULT, answerCache, limits } = options
  // The package's version as well: another one may score otherwise, and a strong tag promises the same bytes.
  const facts = [VERSION, encoder?.fingerprint.weightsSha256, tier]
  for (const path of ['/api/search', '/v1/search'])
    app.use(path, cacheAnswers({ catalog, app: facts, cacheControl, answerCache }))
  const colbert = async (c: Context, { index, ...request }: ColbertRequest, longTexts: boolean) => {
    requireWithin(limits, request)
    const named = catalog.choose(index)
    const facts = { key: keyOf(`colbert ${longTexts}`, named, request), kind: kindOf('search', request) }
    return reported(c, await compute(c, facts, (signal) => answerColbert(named, request, longTexts, signal)))
  }
  const search = async (c: Context, request: SearchRequest) => {
    const { k, highlight, vectors } = request
    requireWithin(limits, { k, highlight, vectors })
    const named = catalog.choose(request.index)
    const facts = { key: keyOf('search', named, request), kind: kindOf('search', { k, highlight, vectors }) }
    return reported(c, await compute(c, facts, (s) => answerSearch(named, request, s)))
  }
  app.openapi(routes.colbertGet, async (c) => c.json(await colbert(c, c.req.valid('query'), false), 200))
  app.openapi(routes.colbertPost, async (c) => c.json(await colbert(c, c.req.valid('json'), true), 200))
  app.openapi(routes.searchGet, async (c) => {
    const { q, query = q, ...request } = c.req.valid('query')
    // The same bytes whenever it is asked for, as its ETag says: how long it took stands in Server-Timing.
    const { tookMs: _, ...body } = await search(c, { ...request, query })
    return c.json(body, 200)
  })
  app.openapi(routes.searchPost, async (c) => c.json(await search(c, c.req.valid('json')), 200))
}

interface ColbertRequest {
  readonly query: string
  readonly k?: number | undefined
  readonly index?: string | undefined
}

/** The body, and in the Server-Timing header how long its steps took. */
function reported<Body>(c: Context, { body, ms, skipped }: Answered<Body>): Body {
  for (const [step, took] of Object.entries(ms)) setMetric(c, step, took)
  if (skipped) c.set(PARTIAL, true)
  return body
}

function addEncoding(app: App, catalog: Catalog, { encoder, limits }: AppOptions, compute: Compute): void {
  const sourcesOf = (c: Context, signal: AbortSignal): EncodeSources => ({
    encoder,
    async timed(stage, work) {
      const started = performance.now()
      const result = await work()
      setMetric(c, stage, performance.now() - started)
      return result
    },
    signal,
  })
  app.openapi(routes.encodeGet, (c) => c.json(answerEncoder(encoder), 200))
  app.openapi(routes.encodePost, async (c) => {
    const request = c.req.valid('json')
    requireWithin(limits, request)
    return c.json(
      await compute(c, { kind: kindOf('encode', request) }, (signal) => answerEncode(sourcesOf(c, signal), request)),
      200,
    )
  })
  app.openapi(routes.rerankPost, async (c) => {
    const request = c.req.valid('json')
    requireWithin(limits, request)
    const report = (answer: Omit<Answered<unknown>, 'body'>) => void reported(c, { ...answer, body: undefined })
    const work = (signal: AbortSignal) => answerRerank({ ...sourcesOf(c, signal), catalog, report }, request)
    return c.json(await compute(c, { kind: kindOf('rerank', request) }, work), 200)
  })
}

function addCatalog(app: App, catalog: Catalog, options: AppOptions): void {
  const { encoder } = options
  // Registered by hand: an OpenAPI path cannot say that an id may hold slashes.
  app.openAPIRegistry.registerPath({
    ...routes.passageGet,
    request: { ...routes.passageGet.request, params: z.object({ id: z.string() }) },
  })
  const answerPassage = async (id: string, index?: string) => {
    const { name, search } = catalog.choose(index)
    const passage = await search.passage(id).catch((error: unknown) => {
      // Told in our own words: the searcher's may name files.
      if (error instanceof NotFoundError) throw new NotFoundError(`Index "${name}" has no passage with the id "${id}".`)
      throw error
    })
    return { id: passage.id, ...fieldsOf(passage) }
  }
  app.openapi(routes.passageByIdGet, async (c) => {
    const { id, index } = c.req.valid('query')
    return c.json(await answerPassage(id, index), 200)
  })
  // Not ".+": an id may hold line separators.
  app.get('/v1/passages/:id{[\\s\\S]+}', async (c) => {
    const checked = passageQuery.safeParse(c.req.query())
    refuseInvalid({ ...checked, target: 'query', data: c.req.query() }, c)
    return c.json(await answerPassage(c.req.param('id'), checked.data?.index), 200)
  })
  app.openapi(routes.indexesGet, (c) =>
    c.json({ indexes: catalog.all.map((entry) => describeIndex(entry, encoder)) }, 200),
  )
  app.openAPIRegistry.registerPath({ ...routes.indexGet, request: { params: z.object({ name: z.string() }) } })
  app.get('/v1/indexes/:name{[\\s\\S]+}', (c) =>
    c.json(describeIndex(catalog.choose(c.req.param('name')), encoder), 200),
  )
  addReadiness(app, catalog, options)
}

function addReadiness(app: App, catalog: Catalog, { encoder, log, admission }: AppOptions): void {
  const look = admission ? recentHealth(catalog) : () => catalog.health()
  app.openAPIRegistry.registerPath(routes.readyGet)
  /** Troubles that the log has: it is asked every few seconds. */
  const told = new Set<string>()
  app.get('/ready', async (c) => {
    if (catalog.all.length === 0) throw new StorageError('no index is open')
    const { unready, problems, errors } = readiness(catalog, await look())
    const { method, path } = c.req
    const requestId = c.get('requestId')
    for (const [trouble, error] of errors) {
      if (!told.has(trouble)) log?.({ level: 'error', requestId, method, path, status: unready ? 503 : 200, error })
      told.add(trouble)
    }
    if (unready) return problemResponse(c, makeProblem('STORAGE', unready, requestId), { 'Retry-After': '5' })
    c.header('Cache-Control', 'no-store')
    const indexes = catalog.all.map((entry) => entry.name)
    const body = { status: 'ready', indexes, encoder: encoder !== undefined } as const
    return c.json(problems.length > 0 ? { ...body, problems } : body, 200)
  })
}

function describeIndex({ name, search }: NamedSearch, encoder: QuestionEncoder | undefined): IndexAnswer {
  const { encoder: asked, tiers, ...info } = search.info
  const shown = tiers && { ...tiers, sets: [...tiers.sets] }
  return {
    ...info,
    name,
    highlight: canHighlight(search.info, encoder),
    ...(asked ? { model: asked.model } : {}),
    ...(shown ? { tiers: shown } : {}),
  }
}

function addDocuments(app: App, catalog: Catalog, { page, encoder }: AppOptions): void {
  app.openapi(routes.healthGet, (c) => c.json({ status: 'ok' as const, version: VERSION }, 200))
  app.use('/openapi.json', etag())
  app.get('/openapi.json', (c) => {
    const url = c.req.path.slice(0, -'/openapi.json'.length) || '/'
    return c.json(routes.apiDocument(app, { url, infos: catalog.all.map(({ search }) => search.info), encoder }))
  })
  if (page === undefined) return
  let policy: string | undefined
  // Browsers take the headers of a 304 over those they stored: without its own policy there, the page would be blocked.
  const retainedHeaders = [...RETAINED_304_HEADERS, 'Content-Security-Policy']
  app.get('/', etag({ retainedHeaders }), async (c) => {
    // The resolved text is kept, never the promise: Workers must not await another request's.
    policy ??= await pagePolicy(page)
    return c.html(page, 200, { 'Content-Security-Policy': policy, 'Cache-Control': 'no-cache' })
  })
}
