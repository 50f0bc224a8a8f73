/**
 * Bundles the Worker of wrangler.toml into dist/worker/, which wrangler's [build] calls for: wrangler's own bundle would carry
 * zod's messages in fifty languages, two fifths of the whole, of which the app speaks one.
 */
import { writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { build, type Plugin } from 'esbuild'

const root = fileURLToPath(new URL('..', import.meta.url))

/** zod exports its locales as one object, so no bundler can leave out those that nobody asks for. */
const englishOnly: Plugin = {
  name: 'english only',
  setup({ onLoad }) {
    onLoad({ filter: /zod[\\/]v4[\\/]locales[\\/]index\.js$/ }, () => ({
      contents: "export { default as en } from './en.js'",
      loader: 'js',
    }))
  },
}

const { metafile } = await build({
  absWorkingDir: root,
  entryPoints: { worker: 'runtime/platform/cloudflareWorker.ts' },
  outdir: 'dist/worker',
  bundle: true,
  minify: true,
  format: 'esm',
  conditions: ['workerd', 'worker', 'browser'],
  loader: { '.wasm': 'copy' },
  assetNames: '[name]',
  plugins: [englishOnly],
  metafile: true,
})
// package.json of dist/ belongs to what is published; this folder is a module by itself.
await writeFile(new URL('../dist/worker/package.json', import.meta.url), '{ "type": "module" }\n')
for (const [path, { bytes }] of Object.entries(metafile.outputs)) console.log(`${path} ${bytes} bytes`)
