/** A Worker over R2 or over static assets: wrangler.toml, worker.ts, and how to upload. As examples/workers-r2 and workers-assets. */
import { type Deployed, type DeployFiles, lines, MODEL_FILES, modelSource, openingLines, quoted } from './deployed.ts'

type Storage = 'r2' | 'assets'

export function cloudflareFiles(storage: Storage, deployed: Deployed): DeployFiles {
  return {
    'wrangler.toml': wranglerToml(storage, deployed),
    'worker.ts': workerSource(storage, deployed),
    'README.md': readme(storage, deployed),
  }
}

function wranglerToml(storage: Storage, { name, folder, encoder }: Deployed): string {
  const r2 = ['[[r2_buckets]]', 'binding = "INDEX"', `bucket_name = "${name}"`]
  const hidden = [`"/${folder}/*"`, ...(encoder ? ['"/models/*"'] : [])]
  const assets = [
    '[assets]',
    'directory = "public"',
    'binding = "ASSETS"',
    '# Asked for by the Worker only; without this line everybody could download them.',
    `run_worker_first = [${hidden.join(', ')}]`,
  ]
  return lines(
    `name = "${name}"`,
    'main = "worker.ts"',
    'compatibility_date = "2026-01-01"',
    '',
    ...(storage === 'r2' ? r2 : assets),
    '',
    '# The app speaks English; without this line zod brings its messages in fifty languages along, a quarter of the Worker.',
    '[alias]',
    '"../locales/index.js" = "zod/v4/locales/en.js"',
  )
}

function workerSource(storage: Storage, { plan, folder, encoder, modelFolder }: Deployed): string {
  const isR2 = storage === 'r2'
  const filesOf = (path: string) => (isR2 ? `r2Files(env.INDEX, '${path}')` : `assets(env, '${path}')`)
  return lines(
    `/** A Worker that searches an index in ${isR2 ? 'an R2 bucket' : 'its static assets'}. */`,
    encoder ? "import ortWasm from 'onnxruntime-web/ort-wasm-simd-threaded.wasm'" : undefined,
    encoder ? "import { createLazyEncoder } from 'tartan-search'" : undefined,
    "import { createWorker } from 'tartan-search/cloudflare'",
    "import kernels from 'tartan-search/kernels.wasm'",
    `import { ${isR2 ? 'type R2BucketLike, r2Files' : 'type FetchLike, httpFiles'} } from 'tartan-search/readers'`,
    encoder ? "import { openWebEncoder } from 'tartan-search/web-encoder'" : undefined,
    '',
    'interface Env {',
    isR2 ? '  readonly INDEX: R2BucketLike' : '  readonly ASSETS: { readonly fetch: FetchLike }',
    '}',
    '',
    ...(isR2
      ? []
      : [
          'const assets = ({ ASSETS }: Env, folder: string) =>',
          // A template string of the Worker's, not of this file.
          `  httpFiles(\`https://assets/\${folder}\`, { fetch: (url, init) => ASSETS.fetch(url, init) })`,
          '',
        ]),
    'export default createWorker<Env>({',
    '  kernels,',
    ...openingLines(plan).map((line) => `  ${line}`),
    `  files: (env) => ${filesOf(folder)},`,
    ...(encoder
      ? [
          '  encoder: async (env, index) =>',
          '    createLazyEncoder({',
          '      index,',
          `      open: () => openWebEncoder({ files: ${filesOf(modelFolder)}, ort: { wasm: ortWasm }, index }),`,
          '    }),',
        ]
      : []),
    '})',
  )
}

function readme(storage: Storage, deployed: Deployed): string {
  const { name, folder, indexPath, encoder, modelFolder } = deployed
  const put = (from: string, to: string) =>
    `for f in ${from}; do npx wrangler r2 object put "${name}/${to}/$(basename "$f")" --file "$f" --remote; done`
  const index = quoted(indexPath)
  const model = modelSource(modelFolder)
  const upload =
    storage === 'r2'
      ? [
          `npx wrangler r2 bucket create ${name}`,
          put(`${index}/*`, folder),
          encoder ? put(`${model}/${MODEL_FILES}`, modelFolder) : undefined,
        ]
      : [
          `mkdir -p public && rm -rf public/${folder} && cp -r ${index} public/${folder}`,
          encoder ? `mkdir -p public/${modelFolder} && cp ${model}/${MODEL_FILES} public/${modelFolder}` : undefined,
        ]
  return lines(
    `# ${name}`,
    '',
    `Written by \`tartan deploy-plan\`. ${encoder ? 'Texts are encoded in the Worker, which the paid plan takes.' : 'Queries come as vectors.'}`,
    '',
    '```sh',
    `npm install tartan-search${encoder ? ' onnxruntime-web' : ''} && npm install --save-dev wrangler`,
    ...upload,
    'npx wrangler dev                        # http://localhost:8787/v1/indexes',
    'npx wrangler deploy',
    '```',
    '',
    storage === 'r2'
      ? '`wrangler dev` has a bucket of its own: the same commands with `--local` instead of `--remote` fill it.'
      : 'Assets know no byte ranges: each read brings a whole file, so build with `tartan build … --part-size 1MiB`.',
    ...(encoder
      ? []
      : [
          '',
          "For texts, let another Tartan encode them: `encoder: async (_, index) => createRemoteEncoder({ url: 'https://encoder.example.org', index })`",
          'beside `files`, with `createRemoteEncoder` from `tartan-search`.',
        ]),
  )
}
