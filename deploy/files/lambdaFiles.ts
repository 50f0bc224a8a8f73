/** A Lambda function over S3: template.yaml (AWS SAM), handler.ts, and how to bundle and upload. As examples/lambda-s3. */
import { MANIFEST_NAME } from '../../format/manifest/manifest.ts'
import {
  type Deployed,
  type DeployFiles,
  INSTALL_NOTE,
  lines,
  modelSource,
  openingLines,
  pageModule,
  quoted,
} from './deployed.ts'

/** Cold starts that a request is waited for. */
const TIMEOUT = { coldStarts: 4, minSeconds: 30, maxSeconds: 900 }

/** With variables that CloudFormation fills in. */
const BUCKET_ARN = `arn:\${AWS::Partition}:s3:::\${IndexBucket}`

export function lambdaFiles(deployed: Deployed, version: string): DeployFiles {
  return {
    ...pageModule(deployed, version),
    'template.yaml': template(deployed),
    'handler.ts': handlerSource(deployed),
    'README.md': readme(deployed),
  }
}

function template({ plan, name, folder, encoder, modelFolder }: Deployed): string {
  const { coldStarts, minSeconds, maxSeconds } = TIMEOUT
  const wanted = Math.ceil((plan.coldStart.totalMs * coldStarts) / 1000)
  const timeout = Math.min(maxSeconds, Math.max(minSeconds, wanted))
  const read = [`\${IndexPrefix}`, ...(encoder ? [modelFolder] : [])]
  return lines(
    "AWSTemplateFormatVersion: '2010-09-09'",
    'Transform: AWS::Serverless-2016-10-31',
    `Description: The search index ${name}, in S3`,
    '',
    'Parameters:',
    '  IndexBucket:',
    '    Type: String',
    '    Description: Bucket of the index',
    '  IndexPrefix:',
    '    Type: String',
    `    Default: ${folder}`,
    '',
    'Resources:',
    '  Search:',
    '    Type: AWS::Serverless::Function',
    '    Properties:',
    '      CodeUri: build/',
    '      Handler: handler.handler',
    '      Runtime: nodejs24.x',
    '      Architectures: [arm64]',
    `      MemorySize: ${plan.memory.hostMb}`,
    `      Timeout: ${timeout}`,
    '      Environment:',
    '        Variables:',
    '          INDEX_BUCKET: !Ref IndexBucket',
    '          INDEX_PREFIX: !Ref IndexPrefix',
    '      Policies:',
    "        - Version: '2012-10-17'",
    '          Statement:',
    '            - Effect: Allow',
    '              Action: s3:GetObject',
    '              Resource:',
    ...read.map((path) => `                - !Sub '${BUCKET_ARN}/${path}/*'`),
    '            # Without it S3 answers 403 instead of 404 for a part that is gone, and a replaced index is not opened anew.',
    '            - Effect: Allow',
    '              Action: s3:ListBucket',
    `              Resource: !Sub '${BUCKET_ARN}'`,
    '      FunctionUrlConfig:',
    '        AuthType: NONE',
    '        InvokeMode: RESPONSE_STREAM',
    '',
    'Outputs:',
    '  Url:',
    '    Value: !GetAtt SearchUrl.FunctionUrl',
  )
}

function handlerSource({ plan, encoder, modelFolder, page }: Deployed): string {
  return lines(
    '/** A Lambda function behind a function URL that searches an index in S3. */',
    encoder ? "import { readFile } from 'node:fs/promises'" : undefined,
    "import process from 'node:process'",
    `import { ${encoder ? 'createLazyEncoder' : 'createRemoteEncoder'}, openIndexFiles } from 'tartan-search'`,
    "import { createApp } from 'tartan-search/http'",
    "import kernels from 'tartan-search/kernels.wasm'",
    "import { lambdaStreamHandler } from 'tartan-search/lambda'",
    "import { s3Files } from 'tartan-search/readers/s3'",
    encoder ? "import { openWebEncoder } from 'tartan-search/web-encoder'" : undefined,
    page === undefined ? undefined : "import { page } from './page.ts'",
    '',
    'const { env } = process',
    "/** Of a store other than Amazon's. */",
    'const endpoint = env.AWS_ENDPOINT_URL_S3',
    '',
    'const filesAt = (prefix: string) =>',
    '  s3Files({',
    "    bucket: env.INDEX_BUCKET ?? '',",
    '    prefix,',
    '    region: env.AWS_REGION,',
    '    credentials: {',
    "      accessKeyId: env.AWS_ACCESS_KEY_ID ?? '',",
    "      secretAccessKey: env.AWS_SECRET_ACCESS_KEY ?? '',",
    '      sessionToken: env.AWS_SESSION_TOKEN,',
    '    },',
    '    ...(endpoint && { endpoint }),',
    '  })',
    '',
    'export const handler = lambdaStreamHandler({',
    '  async open() {',
    "    const searcher = await openIndexFiles(filesAt(env.INDEX_PREFIX ?? ''), {",
    '      // esbuild\'s loader "binary" makes bytes of a .wasm file.',
    '      kernels: await WebAssembly.compile(kernels as unknown as Uint8Array<ArrayBuffer>),',
    `      // Of the ${plan.memory.hostMb} MB of template.yaml.`,
    ...openingLines(plan).map((line) => `      ${line}`),
    '    })',
    ...(encoder
      ? [
          '    const encoder = createLazyEncoder({',
          '      index: searcher.info,',
          '      open: async () => {',
          "        const ort = await readFile(new URL('ort-wasm-simd-threaded.wasm', import.meta.url))",
          `        const files = filesAt('${modelFolder}')`,
          '        return openWebEncoder({ files, ort: { wasm: await WebAssembly.compile(ort) }, index: searcher.info })',
          '      },',
          '    })',
        ]
      : [
          '    // Another Tartan that encodes texts; without it queries come as vectors.',
          '    const url = env.ENCODER_URL',
          '    const encoder = url ? await createRemoteEncoder({ url, index: searcher.info }) : undefined',
        ]),
    `    return createApp({ indexes: searcher, ...(encoder && { encoder })${page === undefined ? '' : ', page'} })`,
    '  },',
    '  log: console.error,',
    '})',
  )
}

function readme({ name, folder, indexPath, encoder, modelFolder }: Deployed): string {
  const ort = 'node_modules/onnxruntime-web/dist/ort-wasm-simd-threaded.wasm'
  return lines(
    `# ${name}`,
    '',
    `Written by \`tartan deploy-plan\`: search page and HTTP API in a function, the index in S3. ${encoder ? 'Texts are encoded in the function.' : 'Queries come as vectors, or as texts where `ENCODER_URL` names another Tartan that encodes them.'}`,
    '',
    '```sh',
    `npm install tartan-search${encoder ? ' onnxruntime-web' : ''} && npm install --save-dev esbuild`,
    'bucket=my-bucket',
    '# The manifest last: it names parts that must be there.',
    `aws s3 sync ${quoted(indexPath)} "s3://$bucket/${folder}" --exclude ${MANIFEST_NAME}`,
    `aws s3 cp ${quoted(`${indexPath}/${MANIFEST_NAME}`)} "s3://$bucket/${folder}/"`,
    encoder ? `aws s3 sync ${modelSource(modelFolder)} "s3://$bucket/${modelFolder}"` : undefined,
    '',
    'npx esbuild handler.ts --bundle --minify --platform=node --target=node24 --format=esm \\',
    '  --loader:.wasm=binary --outfile=build/handler.mjs',
    encoder ? `cp ${ort} build/` : undefined,
    'sam deploy --guided --template-file template.yaml    # asks for the bucket, prints the address',
    '```',
    '',
    `The function may read ${encoder ? 'index and model' : 'the index'} and nothing else. \`AuthType: NONE\` lets everybody ask; with \`AWS_IAM\` callers sign their requests.`,
    'Behind an API gateway write `lambdaHandler` for `lambdaStreamHandler`; stages are known, another beginning of paths is `basePath`.',
    '',
    INSTALL_NOTE,
  )
}
