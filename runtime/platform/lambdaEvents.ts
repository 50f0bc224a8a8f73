/**
 * What front ends of Lambda make of a request's path: API gateways put the name of their stage or of a mapping in front of it and decode it, function
 * URLs and load balancers hand it on as it came. Here it becomes the path that was asked for, as the app knows it.
 */
import { InputError } from '../../format/errors.ts'

/** What of an event is looked at: payload formats 1.0 and 2.0, of load balancers too (AWS Lambda Developer Guide). */
interface PathEvent {
  readonly rawPath?: string
  readonly path?: string
  readonly resource?: string
  readonly routeKey?: string
  readonly pathParameters?: { readonly proxy?: string } | null
  readonly requestContext?: { readonly stage?: string; readonly http?: object }
}

/** First segments of the app's own paths: a stage may have the same name. */
const OWN_SEGMENTS: ReadonlySet<string> = new Set(['', 'v1', 'api', 'health', 'ready', 'openapi.json'])

/** @throws InputError when it is no path */
export function normalBasePath(basePath = ''): string {
  const path = `/${basePath}`.replace(/^\/+/, '/').replace(/\/+$/, '')
  if (!/[?#\s]|:\/\//.test(path)) return path
  throw new InputError(`"${basePath}" is no base path: expected the beginning of paths, such as "/search".`)
}

/**
 * The same event with the path that the app knows.
 * @param basePath - in front of the app's paths, as `normalBasePath` gives it
 * @throws InputError when it is no event of HTTP
 */
export function withAppPath<Event extends object>(event: Event, basePath: string): Event {
  const { rawPath, path: given, requestContext }: PathEvent = event ?? {}
  const path = rawPath ?? given
  if (typeof path !== 'string' || !requestContext) {
    throw new InputError(
      'this function answers HTTP: expected the event of a function URL, an API gateway or a load balancer, with a path. Call it by its address, or test it with the template "API Gateway HTTP API".',
    )
  }
  const stripped = withoutBase(withoutMapping(withoutStage(path, requestContext.stage), event), basePath)
  const known = encoded(stripped)
  return rawPath === undefined ? { ...event, path: known } : { ...event, rawPath: known }
}

/** HTTP APIs put a stage that has a name before the path; asked by a domain of one's own they do not. */
function withoutStage(path: string, stage: string | undefined): string {
  if (!stage || stage === '$default') return path
  const rest = withoutBase(path, `/${stage}`)
  const isOwn = OWN_SEGMENTS.has(stage) && !OWN_SEGMENTS.has(rest.split('/')[1] ?? '')
  return isOwn ? path : rest
}

/** A mapping of a domain of one's own stands before what the API's route caught. */
function withoutMapping(path: string, { resource, routeKey, pathParameters }: PathEvent): string {
  const isCatchAll = resource === '/{proxy+}' || /^\S+ \/\{proxy\+\}$/.test(routeKey ?? '')
  const proxy = pathParameters?.proxy
  return isCatchAll && proxy && path.endsWith(`/${proxy}`) ? `/${proxy}` : path
}

function withoutBase(path: string, base: string): string {
  if (base === '' || path === base) return path === base ? '/' : path
  return path.startsWith(`${base}/`) ? path.slice(base.length) : path
}

/** What no address holds as it is: a path with it has been decoded. */
const NOT_IN_ADDRESSES = /[^\x21-\x7e]|[?#"<>\\^`{|}]|%(?![0-9a-f]{2})/i

/** A path that was decoded, encoded again. One that may be either is taken as it is, for most ids are the same both ways. */
function encoded(path: string): string {
  if (!NOT_IN_ADDRESSES.test(path)) return path
  return path.split('/').map(encodedSegment).join('/')
}

function encodedSegment(segment: string): string {
  // Half a surrogate pair has no encoding.
  return encodeURIComponent(segment.toWellFormed())
}
