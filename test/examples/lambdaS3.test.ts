/** examples/lambda-s3, bundled by the command of its README, over a server that speaks S3's protocol, called as Lambda's runtime calls it. */
import { execFile } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { functionUrlEvent } from '../../lab/hosts/functionUrlEvent.ts'
import { type LambdaStreamHandler, lambdaGlobal, streamedResponse } from '../../lab/hosts/lambdaRuntime.ts'
import { ROOT } from '../../lab/root.ts'
import { type S3Server, startS3Server } from '../../lab/storage/s3Server.ts'
import { type Ask, expectNoIndex, INDEX, searchCases } from './searchCases.ts'

const run = promisify(execFile)
const example = join(ROOT, 'examples/lambda-s3')

let folder: string
let s3: S3Server
let handler: LambdaStreamHandler
let beforeThereIsAnIndex: Response
const logged: unknown[] = []

const ask: Ask = (path, init = {}) => streamedResponse(handler, functionUrlEvent(path, init))

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tartan-lambda-s3-'))
  s3 = await startS3Server()
  const readme = await readFile(join(example, 'README.md'), 'utf8')
  const [command = '', ...words] = /npx (esbuild (?:.*\\\n)*.*)/.exec(readme)?.[1]?.split(/[\s\\]+/) ?? []
  const bundle = join(folder, 'handler.mjs')
  const elsewhere = words.map((word) => (word.startsWith('--outfile=') ? `--outfile=${bundle}` : word))
  await run(join(ROOT, 'node_modules/.bin', command), elsewhere, { cwd: example })
  const { bucket, endpoint, credentials } = s3.location
  for (const [name, value] of Object.entries({
    INDEX_BUCKET: bucket,
    INDEX_PREFIX: 'some/index',
    AWS_REGION: 'us-east-1',
    AWS_ENDPOINT_URL_S3: endpoint,
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    AWS_SESSION_TOKEN: undefined,
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '512',
  })) {
    vi.stubEnv(name, value)
  }
  vi.stubGlobal('awslambda', lambdaGlobal)
  vi.spyOn(console, 'error').mockImplementation((entry) => logged.push(entry))
  handler = ((await import(pathToFileURL(bundle).href)) as { handler: LambdaStreamHandler }).handler
  beforeThereIsAnIndex = await ask('/v1/indexes')
  for (const name of await readdir(INDEX)) await s3.put(`some/index/${name}`, await readFile(join(INDEX, name)))
})

afterAll(async () => {
  vi.unstubAllEnvs()
  vi.unstubAllGlobals()
  vi.restoreAllMocks()
  await s3?.stop()
  await rm(folder, { recursive: true })
})

it('says that there is no index while the bucket is empty: to the log all of it, to others nothing of the bucket', async () => {
  await expectNoIndex(beforeThereIsAnIndex, [s3.location.bucket, 'some/index', s3.location.endpoint])
  expect(String(logged[0])).toContain('some/index/index.msgpack')
})

searchCases(ask)

it('is deployed by a template that names its file, its variables and its way to answer', async () => {
  const template = await readFile(join(example, 'template.yaml'), 'utf8')
  expect(template).toMatch(/^ +CodeUri: build\/$/m)
  expect(template).toMatch(/^ +Handler: handler\.handler$/m)
  expect(template).toMatch(/^ +InvokeMode: RESPONSE_STREAM$/m)
  for (const name of ['INDEX_BUCKET', 'INDEX_PREFIX']) expect(template).toMatch(new RegExp(`^ +${name}: `, 'm'))
})
