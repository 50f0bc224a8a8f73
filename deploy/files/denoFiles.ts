/** A server for Deno Deploy over a static host or bucket: main.ts and deno.json. As examples/deno-deploy. */
import { type Deployed, type DeployFiles, INSTALL_NOTE, lines, openingLines, quoted } from './deployed.ts'

export function denoFiles(deployed: Deployed, version: string): DeployFiles {
  return {
    'main.ts': mainSource(deployed),
    'deno.json': denoJson(deployed, version),
    'README.md': readme(deployed),
  }
}

function denoJson({ encoder }: Deployed, version: string): string {
  const imports = {
    'tartan-search': `npm:tartan-search@^${version}`,
    'tartan-search/': `npm:/tartan-search@^${version}/`,
    ...(encoder ? { 'onnxruntime-web': 'npm:onnxruntime-web@^1.30.0' } : {}),
  }
  const tasks = { start: 'deno serve --allow-env --allow-net --allow-read --allow-sys main.ts' }
  return `${JSON.stringify({ imports, tasks }, undefined, 2)}\n`
}

function mainSource({ plan, folder, encoder, modelFolder }: Deployed): string {
  return lines(
    '/** Searches an index on a static host, from Deno Deploy or any Deno: `deno serve`. */',
    "import process from 'node:process'",
    `import { ${encoder ? 'createLazyEncoder' : 'createRemoteEncoder'}, openIndexFiles } from 'tartan-search'`,
    "import { createApp, createHandler } from 'tartan-search/http'",
    `import { compileKernels${encoder ? ', compileOnnxWeb' : ''}, readPage } from 'tartan-search/node'`,
    "import { httpFiles } from 'tartan-search/readers'",
    encoder ? "import { openWebEncoder } from 'tartan-search/web-encoder'" : undefined,
    '',
    `/** Serves the folder ${folder}${encoder ? ` and ${modelFolder}` : ''}. */`,
    "const storage = process.env.STORAGE_URL?.replace(/\\/+$/, '') ?? 'http://127.0.0.1:8080'",
    '',
    'const fetch = createHandler({',
    '  async open() {',
    `    const searcher = await openIndexFiles(httpFiles(\`\${storage}/${folder}/\`), {`,
    '      kernels: await compileKernels(),',
    ...openingLines(plan).map((line) => `      ${line}`),
    '    })',
    ...(encoder
      ? [
          '    const encoder = createLazyEncoder({',
          '      index: searcher.info,',
          '      open: async () =>',
          '        openWebEncoder({',
          `          files: httpFiles(\`\${storage}/${modelFolder}/\`),`,
          '          ort: { wasm: await compileOnnxWeb() },',
          '          index: searcher.info,',
          '        }),',
          '    })',
        ]
      : [
          '    // Another Tartan that encodes texts; without it queries come as vectors.',
          '    const url = process.env.ENCODER_URL',
          '    const encoder = url ? await createRemoteEncoder({ url, index: searcher.info }) : undefined',
        ]),
    '    return createApp({ indexes: searcher, ...(encoder && { encoder }), page: await readPage() })',
    '  },',
    '  log: console.error,',
    '})',
    '',
    'export default { fetch }',
  )
}

function readme({ name, folder, indexPath, encoder, modelFolder }: Deployed): string {
  const model = encoder ? ` and the model as ${modelFolder}` : ''
  return lines(
    `# ${name}`,
    '',
    `Written by \`tartan deploy-plan\`: search page and HTTP API. ${encoder ? 'Texts are encoded by ONNX Runtime in WebAssembly.' : 'Queries come as vectors, or as texts where `ENCODER_URL` names another Tartan that encodes them.'}`,
    '',
    '```sh',
    `# ${quoted(indexPath)} goes to a static host or public bucket as ${folder}${model}`,
    'export STORAGE_URL=https://files.example.org',
    'deno task start                         # http://localhost:8000',
    'deno deploy                             # with STORAGE_URL in the settings of the app',
    '```',
    '',
    'The host has to answer range requests, or files of at most 32 MiB whole.',
    '',
    INSTALL_NOTE,
  )
}
