/**
 * AWS Lambda behind a function URL, an API gateway or a load balancer, `tartan-search/lambda`. The index comes from S3 (readers/s3.ts)
 * or from the deployed bundle; Lambda keeps an instance for many requests, so it is opened once.
 */
import { Hono } from 'hono'
import { handle, streamHandle } from 'hono/aws-lambda'
import { createHandler, type HandlerOptions } from '../http/handler.ts'

export { openIndex } from './node/nodeIndex.ts'
export { compileKernels } from './node/nodeKernels.ts'

/** `export const handler = lambdaHandler({ open })`. */
export function lambdaHandler(options: HandlerOptions): ReturnType<typeof handle> {
  return handle(mounted(options))
}

/** The same with a streamed response, for function URLs in the mode RESPONSE_STREAM. */
export function lambdaStreamHandler(options: HandlerOptions): ReturnType<typeof streamHandle> {
  return streamHandle(mounted(options))
}

function mounted(options: HandlerOptions): Hono {
  const handler = createHandler(options)
  return new Hono().all('*', (c) => handler(c.req.raw))
}
