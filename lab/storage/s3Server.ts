/** s3rver, a server that speaks S3's protocol, on a free port with an empty bucket. */
import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AwsClient } from 'aws4fetch'
import type { S3Location } from '../../runtime/readers/s3.ts'
import { ROOT } from '../root.ts'

const START_TIMEOUT_MS = 20_000
/** The only ones it takes. */
const credentials = { accessKeyId: 'S3RVER', secretAccessKey: 'S3RVER' }

export interface S3Server {
  /** Of the bucket, without a prefix. */
  readonly location: Required<Pick<S3Location, 'bucket' | 'endpoint'>> & { readonly credentials: typeof credentials }
  put(key: string, bytes: Uint8Array): Promise<void>
  stop(): Promise<void>
}

export async function startS3Server(): Promise<S3Server> {
  const folder = await mkdtemp(join(tmpdir(), 'tartan-s3-'))
  const bucket = 'tartan-test'
  const port = await freePort()
  const words = ['--directory', folder, '--port', String(port), '--configure-bucket', bucket, '--silent']
  const command = join(ROOT, 'node_modules/.bin/s3rver')
  const child = spawn(process.execPath, ['--no-deprecation', command, ...words], { stdio: 'ignore' })
  const endpoint = `http://127.0.0.1:${port}`
  const client = new AwsClient({ ...credentials, region: 'us-east-1', service: 's3' })
  const server: S3Server = {
    location: { bucket, endpoint, credentials },
    async put(key, bytes) {
      const body = bytes as Uint8Array<ArrayBuffer>
      const { status } = await client.fetch(`${endpoint}/${bucket}/${key}`, { method: 'PUT', body })
      if (status !== 200) throw new Error(`the S3 server answered ${status} to a PUT of "${key}"`)
    },
    async stop() {
      const ended = new Promise((resolve) => child.once('exit', resolve))
      if (child.exitCode === null && child.kill('SIGKILL')) await ended
      await rm(folder, { recursive: true, force: true })
    },
  }
  const deadline = Date.now() + START_TIMEOUT_MS
  while (!(await fetch(endpoint).catch(() => undefined))) {
    if (Date.now() > deadline || child.exitCode !== null) {
      await server.stop()
      throw new Error('the S3 server did not start')
    }
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  return server
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer()
    probe.once('error', reject)
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as { port: number }
      probe.close(() => resolve(port))
    })
  })
}
