/** A Worker over R2 or over static assets: wrangler.toml, worker.ts, and how to upload. As examples/workers-r2 and workers-assets. */
import {
  type Deployed,
  type DeployFiles,
  INSTALL_NOTE,
  lines,
  MODEL_FILES,
  modelSource,
  openingLines,
  pageModule,
  quoted,
} from './deployed.ts'

type Storage = 'r2' | 'assets'

export function cloudflareFiles(storage: Storage, deployed: Deployed, version: string): DeployFiles {
  return {
    ...pageModule(deployed, version),
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
    ...(encoder
      ? []
      : [
          '',
          '# Another Tartan that encodes texts, such as one that `tartan serve` runs:',
          '# [vars]',
          '# ENCODER_URL = "https://encoder.example.org"',
        ]),
    '',
    '# The app speaks English; without this line zod brings its messages in fifty languages along, a quarter of the Worker.',
    '[alias]',
    '"../locales/index.js" = "zod/v4/locales/en.js"',
  )
}

function workerSource(storage: Storage, { plan, folder, encoder, modelFolder, page }: Deployed): string {
  const isR2 = storage === 'r2'
  const wholeFilesMax = `${Math.floor((plan.memory.wholeFilesMax ?? 32e6) / 1e6)}e6`
  const filesOf = (path: string) => (isR2 ? `r2Files(env.INDEX, '${path}')` : `assets(env, '${path}')`)
  return lines(
    `/** A Worker that searches an index in ${isR2 ? 'an R2 bucket' : 'its static assets'}. */`,
    encoder ? "import ortWasm from 'onnxruntime-web/ort-wasm-simd-threaded.wasm'" : undefined,
    `import { ${encoder ? 'createLazyEncoder' : 'createRemoteEncoder'} } from 'tartan-search'`,
    "import { createWorker } from 'tartan-search/cloudflare'",
    "import kernels from 'tartan-search/kernels.wasm'",
    `import { ${isR2 ? 'type R2BucketLike, r2Files' : 'type FetchLike, httpFiles'} } from 'tartan-search/readers'`,
    encoder ? "import { openWebEncoder } from 'tartan-search/web-encoder'" : undefined,
    page === undefined ? undefined : "import { page } from './page.ts'",
    '',
    'interface Env {',
    isR2 ? '  readonly INDEX: R2BucketLike' : '  readonly ASSETS: { readonly fetch: FetchLike }',
    encoder ? undefined : '  readonly ENCODER_URL?: string',
    '}',
    '',
    ...(isR2
      ? []
      : [
          'const assets = ({ ASSETS }: Env, folder: string) =>',
          // A template string of the Worker's, not of this file.
          `  httpFiles(\`https://assets/\${folder}\`, {`,
          '    fetch: (url, init) => ASSETS.fetch(url, init),',
          '    // Assets know no byte ranges: whole parts are kept, as far as the memory beside the index reaches.',
          `    wholeFilesMax: ${wholeFilesMax},`,
          '  })',
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
      : [
          '  // Without it queries come as vectors.',
          '  encoder: async ({ ENCODER_URL: url }, index) => (url ? createRemoteEncoder({ url, index }) : undefined),',
        ]),
    page === undefined ? undefined : '  page,',
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
    `Written by \`tartan deploy-plan\`: search page, HTTP API and index in one Worker. ${encoder ? 'Texts are encoded in the Worker, which the paid plan takes; `tartan deploy-plan --no-encoder` plans without.' : 'Queries come as vectors, or as texts where `ENCODER_URL` names another Tartan that encodes them.'}`,
    '',
    '```sh',
    `npm install tartan-search${encoder ? ' onnxruntime-web' : ''} && npm install --save-dev wrangler`,
    ...upload,
    'npx wrangler dev                        # http://localhost:8787',
    'npx wrangler deploy',
    '```',
    '',
    storage === 'r2'
      ? '`wrangler dev` has a bucket of its own: the same commands with `--local` instead of `--remote` fill it.'
      : 'Assets know no byte ranges: a read brings a whole file, which is kept for a while. With `tartan build … --part-size 1MiB` a read of texts brings less.',
    ...(encoder
      ? []
      : [
          '',
          'For texts, set `ENCODER_URL` in wrangler.toml: the address of a Tartan that `tartan serve` runs over an index of the same model.',
        ]),
    '',
    INSTALL_NOTE,
  )
}
