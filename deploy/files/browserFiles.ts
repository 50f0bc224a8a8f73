/** A static site that searches in the visitor's browser: page, worker, and headers for the host's cache. As examples/browser-static. */
import { type Deployed, type DeployFiles, lines, MODEL_FILES, modelSource, openingLines, quoted } from './deployed.ts'

export function browserFiles(deployed: Deployed): DeployFiles {
  return {
    'index.html': page(deployed),
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
  <script type="module">
    const worker = new Worker('worker.js', { type: 'module' })
    const form = document.querySelector('form')
    const status = document.querySelector('p')
    const list = document.querySelector('ol')
    let last = 0

    form.addEventListener('submit', (event) => {
      event.preventDefault()
      last += 1
      status.textContent = 'Searching …'
      worker.postMessage({ id: last, text: new FormData(form).get('q'), k: 10 })
    })
    worker.addEventListener('message', ({ data: { id, hits, problem } }) => {
      if (id !== last) return
      status.textContent = problem ?? (hits.length === 0 ? 'Nothing found' : '')
      list.replaceChildren(...(hits ?? []).map(item))
    })
    worker.addEventListener('error', ({ message }) => {
      status.textContent = message || 'The worker could not be started'
    })

    // Texts of the index go in as texts, never as HTML.
    function item({ id, title, text = '' }) {
      const heading = document.createElement('strong')
      heading.textContent = title || id
      const body = document.createElement('p')
      body.textContent = text
      const entry = document.createElement('li')
      entry.append(heading, body)
      return entry
    }
  </script>
</html>
`
}

function workerSource({ plan, folder, encoder, modelFolder }: Deployed): string {
  const own = [
    '  const encoder = createLazyEncoder({',
    '    index: searcher.info,',
    '    open: async () =>',
    '      openWebEncoder({',
    `        files: httpFiles(at('${modelFolder}/')),`,
    "        ort: { wasm: await WebAssembly.compileStreaming(fetch(at('ort-wasm-simd-threaded.wasm'))) },",
    "        cache: cacheApiModels(await caches.open('tartan-models')),",
    '        index: searcher.info,',
    '      }),',
    '  })',
  ]
  const remote = ['  const encoder = createRemoteEncoder({ url: ENCODER_URL, index: searcher.info })']
  return lines(
    '/** Opens the index in this worker and answers the queries of the page, which never waits. */',
    `import { ${encoder ? 'createLazyEncoder' : 'createRemoteEncoder'} } from 'tartan-search'`,
    "import { openBrowserIndex } from 'tartan-search/browser'",
    encoder ? "import { httpFiles } from 'tartan-search/readers'" : undefined,
    encoder ? "import { cacheApiModels, openWebEncoder } from 'tartan-search/web-encoder'" : undefined,
    '',
    ...(encoder
      ? []
      : [
          '/** Another Tartan that encodes texts and allows this origin. */',
          "const ENCODER_URL = 'https://encoder.example.org'",
          '',
        ]),
    'const at = (path) => new URL(path, location.href).href',
    '',
    'async function open() {',
    '  const searcher = await openBrowserIndex({',
    `    index: at('${folder}/'),`,
    "    kernelsUrl: at('kernels.wasm'),",
    ...openingLines(plan).map((line) => `    ${line}`),
    '  })',
    ...(encoder ? own : remote),
    '  return { searcher, encoder }',
    '}',
    '',
    'const opened = open()',
    '// Whoever asks is told what went wrong.',
    'opened.catch(() => undefined)',
    '',
    "addEventListener('message', async ({ data: { id, text, k } }) => {",
    '  try {',
    '    const { searcher, encoder } = await opened',
    '    const { hits } = await searcher.search(await encoder.encodeQuery(text), { k })',
    '    const passages = await searcher.passages(hits.map(({ pid }) => pid))',
    '    postMessage({ id, hits: hits.map((hit, i) => ({ ...hit, title: passages[i].title, text: passages[i].text })) })',
    '  } catch (error) {',
    '    postMessage({ id, problem: error.message })',
    '  }',
    '})',
  )
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
    'npx esbuild worker.js --bundle --minify --format=esm --outfile=public/worker.js',
    '```',
    '',
    `Any host that answers range requests serves \`public\`${encoder ? ', over https for the Cache API' : ''}. \`_headers\` is read by Cloudflare and Netlify; elsewhere set the same \`Cache-Control\`.`,
  )
}
