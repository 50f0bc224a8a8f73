/**
 * AWS Lambda behind a function URL, an API gateway or a load balancer, `tartan-search/lambda`. The index comes from S3 (readers/s3.ts)
 * or from the deployed bundle; Lambda keeps an instance for many requests, so it is opened once.
 */
import { Hono } from 'hono'
import { handle, streamHandle } from 'hono/aws-lambda'
import { createHandler, type HandlerOptions } from '../http/handler.ts'
import { normalBasePath, withAppPath } from './lambdaEvents.ts'

export { openIndex } from './node/nodeIndex.ts'
export { compileKernels } from './node/nodeKernels.ts'

export interface LambdaOptions extends HandlerOptions {
  /**
   * What stands before the app's paths, e.g. '/search'. The stage of an API, and the mapping of a domain whose route is `/{proxy+}`, are
   * known without it.
   */
  readonly basePath?: string
}

type LambdaHandler = ReturnType<typeof handle>
type LambdaStreamHandler = ReturnType<typeof streamHandle>

/**
 * `export const handler = lambdaHandler({ open })`.
 * @throws InputError when the base path is none; the handler, when it is called with what is no event of HTTP
 */
export function lambdaHandler(options: LambdaOptions): LambdaHandler {
  const basePath = normalBasePath(options.basePath)
  const answer = handle(mounted(options))
  return async (event, context) => answer(withAppPath(event, basePath), context)
}

/** The same with a streamed response, for function URLs in the mode RESPONSE_STREAM. */
export function lambdaStreamHandler(options: LambdaOptions): LambdaStreamHandler {
  const basePath = normalBasePath(options.basePath)
  const answer = streamHandle(mounted(options))
  const { awslambda } = globalThis as unknown as LambdaGlobal
  // Lambda's runtime wants its mark on the function that it calls.
  return awslambda.streamifyResponse((event, ...rest) => answer(withAppPath(event, basePath), ...rest))
}

interface LambdaGlobal {
  readonly awslambda: { streamifyResponse(handler: LambdaStreamHandler): LambdaStreamHandler }
}

function mounted(options: HandlerOptions): Hono {
  const handler = createHandler(options)
  return new Hono().all('*', (c) => handler(c.req.raw))
}
