/** What is downloaded or deployed at the edge: kernels, Worker, browser, and what an encoder adds. Usage and keys: bench/README.md. */
import { mkdir, readFile } from 'node:fs/promises'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import { bundleByWrangler } from '../../lab/hosts/wranglerBundle.ts'
import { rootPath, runBench, textTable } from '../harness/commandLine.ts'
import { startRecord, writeResult } from '../harness/record.ts'

const USAGE = 'npm run -s bench:edge-sizes'

/** Limits that were asked for, bytes. */
const LIMITS: Readonly<Record<string, number>> = {
  'kernels.wasm': 32 * 1024,
  'Worker, gzipped': 150_000,
  'browser worker and kernels, gzipped': 40 * 1024,
}

await runBench(USAGE, {}, async () => {
  const started = await startRecord('edge-sizes')
  const kernels = await readFile(rootPath('assembly/build/kernels.wasm'))
  const worker = await bundleByWrangler(rootPath('.'))
  // wrangler wants the folder of assets to be there, whatever is in it.
  await mkdir(rootPath('examples/workers-assets/public'), { recursive: true })
  const withEncoder = await bundleByWrangler(rootPath('examples/workers-assets'))
  const browser = await bundle('lab/hosts/browserWorker.ts')
  const serviceWorker = await bundle('lab/hosts/searchServiceWorker.ts')
  const encoder = await bundle('runtime/encoders/webEncoder.ts')
  const ort = await readFile(rootPath('node_modules/onnxruntime-web/dist/ort-wasm-simd-threaded.wasm'))
  const model = await readFile(rootPath('models/tartan-small/model_int8.onnx'))
  const sizes = {
    'kernels.wasm': kernels.length,
    'kernels.wasm, gzipped': gzipped(kernels),
    'Worker, gzipped': worker.gzipped,
    'Worker with encoder, gzipped': withEncoder.gzipped,
    'browser worker and kernels, gzipped': gzipped(browser, kernels),
    'Service Worker and kernels, gzipped': gzipped(serviceWorker, kernels),
    'encoder script, gzipped': gzipped(encoder),
    "ONNX Runtime's WebAssembly, gzipped": gzipped(ort),
    'model file': model.length,
  }
  const points = Object.entries(sizes).map(([what, bytes]) => ({ what, bytes, limit: LIMITS[what] ?? null }))
  await writeResult('edge-sizes', started, {
    parameters: { minified: true, gzip: 'level 6, each file by itself' },
    samples: {},
    units: { bytes: 'bytes', limit: 'bytes at most, as asked for' },
    metrics: { points },
  })
  const rows = points.map(({ what, bytes, limit }) => [what, String(bytes), limit === null ? '' : String(limit)])
  process.stdout.write(`${textTable([['what', 'bytes', 'at most'], ...rows])}\n`)
})

function gzipped(...files: readonly Uint8Array[]): number {
  return files.reduce((sum, file) => sum + gzipSync(file).length, 0)
}

async function bundle(entry: string): Promise<Uint8Array> {
  const { outputFiles } = await build({
    absWorkingDir: rootPath('.'),
    entryPoints: [entry],
    bundle: true,
    minify: true,
    format: 'esm',
    conditions: ['browser'],
    write: false,
  })
  return outputFiles[0]!.contents
}
