/** A static site that searches in the visitor's browser: page, worker, and headers for the host's cache. As examples/browser-static. */
import {
  type Deployed,
  type DeployFiles,
  INSTALL_NOTE,
  lines,
  MODEL_FILES,
  modelSource,
  openingLines,
  quoted,
} from './deployed.ts'

export function browserFiles(deployed: Deployed): DeployFiles {
  return {
    'index.html': page(deployed),
    'page.js': pageSource(deployed),
    'worker.js': workerSource(deployed),
    _headers: headers(deployed),
    'README.md': readme(deployed),
  }
}

function page({ name }: Deployed): string {
  return `<!doctype html>
<html lang="en">
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width">
  <title>${name}</title>
  <form><input type="search" name="q" aria-label="Search" required autofocus> <button>Search</button></form>
  <p role="status"></p>
  <ol></ol>
  <script type="module" src="page.js"></script>
</html>
`
}

function pageSource({ plan, folder, encoder, modelFolder }: Deployed): string {
  const model = `{ modelUrl: '${modelFolder}/', onnxUrl: 'ort-wasm-simd-threaded.wasm', cache: 'tartan-models' }`
  return lines(
    '/** Asks the worker, which holds the index, and shows what it found. */',
    "import { newestOnly, openTextSearchInWorker } from 'tartan-search/browser'",
    '',
    "const form = document.querySelector('form')",
    "const status = document.querySelector('p')",
    "const list = document.querySelector('ol')",
    '',
    "const opening = openTextSearchInWorker(new Worker('worker.js', { type: 'module' }), {",
    `  index: '${folder}/',`,
    "  kernelsUrl: 'kernels.wasm',",
    ...openingLines(plan).map((line) => `  ${line}`),
    encoder ? `  model: ${model},` : undefined,
    '}).then(newestOnly)',
    '// Whoever asks is told what went wrong.',
    'opening.catch(() => undefined)',
    '',
    "form.addEventListener('submit', async (event) => {",
    '  event.preventDefault()',
    "  status.textContent = 'Searching …'",
    '  try {',
    "    const { hits } = await (await opening).ask(new FormData(form).get('q'), { k: 10 })",
    "    status.textContent = hits.length === 0 ? 'Nothing found' : ''",
    '    list.replaceChildren(...hits.map(item))',
    '  } catch (error) {',
    '    // One that a newer question took the place of is no failure.',
    "    if (error.code !== 'ABORTED') status.textContent = error.message",
    '  }',
    '})',
    '',
    '// Texts of the index go in as texts, never as HTML.',
    "function item({ id, title, text = '' }) {",
    "  const heading = document.createElement('strong')",
    '  heading.textContent = title || id',
    "  const body = document.createElement('p')",
    '  body.textContent = text',
    "  const entry = document.createElement('li')",
    '  entry.append(heading, body)',
    '  return entry',
    '}',
  )
}

function workerSource({ encoder }: Deployed): string {
  const own = [
    "import { serveTextSearch } from 'tartan-search/browser'",
    "import { openEncoderAt } from 'tartan-search/web-encoder'",
    '',
    'serveTextSearch({ openEncoder: openEncoderAt })',
  ]
  const remote = [
    "import { createRemoteEncoder } from 'tartan-search'",
    "import { serveTextSearch } from 'tartan-search/browser'",
    '',
    '/** Another Tartan that encodes texts and allows this origin. */',
    "const ENCODER_URL = 'https://encoder.example.org'",
    '',
    'serveTextSearch({ openEncoder: async (index) => createRemoteEncoder({ url: ENCODER_URL, index }) })',
  ]
  return lines('/** Holds index and encoder, so that the page never waits. */', ...(encoder ? own : remote))
}

/** Parts are named by their content. Where both rules match, no-cache is the stronger one. */
function headers({ folder, encoder }: Deployed): string {
  return lines(
    `/${folder}/*`,
    '  Cache-Control: public, max-age=31536000, immutable',
    `/${folder}/index.msgpack`,
    '  Cache-Control: no-cache',
    ...(encoder ? ['/models/*', '  Cache-Control: public, max-age=86400'] : []),
  )
}

function readme({ name, folder, indexPath, encoder, modelFolder }: Deployed): string {
  return lines(
    `# ${name}`,
    '',
    `Written by \`tartan deploy-plan\`: a static site that searches in the browser. ${encoder ? 'So are texts encoded.' : 'Texts are encoded by another Tartan: put its address into worker.js.'}`,
    '',
    '```sh',
    `npm install tartan-search${encoder ? ' onnxruntime-web' : ''} && npm install --save-dev esbuild`,
    `mkdir -p public && cp index.html _headers public && rm -rf public/${folder} && cp -r ${quoted(indexPath)} public/${folder}`,
    'cp node_modules/tartan-search/assembly/build/kernels.wasm public/',
    encoder ? 'cp node_modules/onnxruntime-web/dist/ort-wasm-simd-threaded.wasm public/' : undefined,
    encoder
      ? `mkdir -p public/${modelFolder} && cp ${modelSource(modelFolder)}/${MODEL_FILES} public/${modelFolder}`
      : undefined,
    'npx esbuild page.js worker.js --bundle --minify --format=esm --outdir=public',
    '```',
    '',
    `Any host that answers range requests serves \`public\`${encoder ? ', over https for the Cache API' : ''}. \`_headers\` is read by Cloudflare and Netlify; elsewhere set the same \`Cache-Control\`.`,
    '',
    INSTALL_NOTE,
  )
}
