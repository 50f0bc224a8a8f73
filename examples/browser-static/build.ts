/** Makes a folder of all that a static host needs: `node build.ts INDEX [SITE]`. */
import { cp } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const [index, site = 'site'] = process.argv.slice(2)
if (!index) throw new Error('usage: node build.ts INDEX [SITE]')

const here = dirname(fileURLToPath(import.meta.url))
const installed = (name: string) => fileURLToPath(import.meta.resolve(name))
const model = join(dirname(installed('tartan-search/package.json')), 'models/tartan-small')

await build({
  absWorkingDir: here,
  entryPoints: ['page.ts', 'searchWorker.ts'],
  outdir: resolve(site),
  bundle: true,
  minify: true,
  format: 'esm',
})
for (const [from, to] of [
  [join(here, 'index.html'), 'index.html'],
  [index, 'corpus.tartan'],
  [installed('tartan-search/kernels.wasm'), 'kernels.wasm'],
  [installed('onnxruntime-web/ort-wasm-simd-threaded.wasm'), 'onnxruntime.wasm'],
  ...['manifest.json', 'tokenizer.json', 'model_int8.onnx'].map((name) => [join(model, name), `model/${name}`]),
] as const) {
  await cp(from ?? '', join(site, to ?? ''), { recursive: true })
}
console.log(`${site}/ is ready for any static host`)
