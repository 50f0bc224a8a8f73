/** A Lambda function behind a function URL that searches an index in S3. */
import process from 'node:process'
import { openIndexFiles } from 'tartan-search'
import { createApp } from 'tartan-search/http'
import kernels from 'tartan-search/kernels.wasm'
import { lambdaStreamHandler } from 'tartan-search/lambda'
import { s3Files } from 'tartan-search/readers/s3'

const { env } = process
/** Of a store other than Amazon's. */
const endpoint = env.AWS_ENDPOINT_URL_S3

export const handler: ReturnType<typeof lambdaStreamHandler> = lambdaStreamHandler({
  async open() {
    const files = s3Files({
      bucket: env.INDEX_BUCKET ?? '',
      prefix: env.INDEX_PREFIX,
      region: env.AWS_REGION,
      credentials: {
        accessKeyId: env.AWS_ACCESS_KEY_ID ?? '',
        secretAccessKey: env.AWS_SECRET_ACCESS_KEY ?? '',
        sessionToken: env.AWS_SESSION_TOKEN,
      },
      ...(endpoint && { endpoint }),
    })
    // esbuild's loader "binary" makes bytes of a .wasm file.
    const module = await WebAssembly.compile(kernels as unknown as Uint8Array<ArrayBuffer>)
    // A quarter of the function's memory is Node's; what does not fit the rest is searched by ranges.
    const memoryMax = Number(env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE ?? 512) * 0.75e6
    return createApp({ indexes: await openIndexFiles(files, { kernels: module, memoryMax }) })
  },
  log: console.error,
})
