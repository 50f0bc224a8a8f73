/**
 * What Lambda's Node runtime gives to a handler that streams: the global `awslambda`, and a stream whose first bytes say what the
 * answer's status and headers are (AWS Lambda Developer Guide, "Response streaming"; aws-lambda-nodejs-runtime-interface-client).
 */
import { PassThrough, type Writable } from 'node:stream'
import { buffer } from 'node:stream/consumers'

export type LambdaStreamHandler = (event: unknown, stream: Writable, context: unknown) => Promise<void>

interface Prelude {
  readonly statusCode: number
  readonly headers: Record<string, string>
}

/** Ends the prelude. */
const DELIMITER = Buffer.alloc(8)

export const lambdaGlobal = {
  streamifyResponse: (handler: LambdaStreamHandler): LambdaStreamHandler => handler,
  HttpResponseStream: {
    from(stream: Writable, prelude: Prelude): Writable {
      stream.write(JSON.stringify(prelude))
      stream.write(DELIMITER)
      return stream
    },
  },
}

/** Calls the handler, and makes of what it streamed the response that the function URL would give. */
export async function streamedResponse(handler: LambdaStreamHandler, event: unknown): Promise<Response> {
  const stream = new PassThrough()
  const [bytes] = await Promise.all([buffer(stream), handler(event, stream, {})])
  const end = bytes.indexOf(DELIMITER)
  if (end < 0) throw new Error(`the handler streamed no status: ${bytes.toString()}`)
  const { statusCode, headers } = JSON.parse(bytes.subarray(0, end).toString()) as Prelude
  const body = bytes.subarray(end + DELIMITER.length)
  return new Response([204, 304].includes(statusCode) ? null : body, { status: statusCode, headers })
}
