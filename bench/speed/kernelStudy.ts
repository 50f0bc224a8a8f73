/**
 * The study of ways to rescore: compiles assembly/study/index.ts, checks each variant against floats, times them in turns, and
 * writes what came out. Its table stands in assembly/README.md. Usage and keys: bench/README.md.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { main } from 'assemblyscript/asc'
import type { Nbits } from '../../format/manifest/segment.ts'
import { integerOption, progress, rootPath, runBench, textTable } from '../harness/commandLine.ts'
import { startRecord, writeResult } from '../harness/record.ts'
import { median, percentile, significant } from '../harness/samples.ts'
import { checkVariant, type StudyData, studyData } from './study/studyData.ts'
import { place, VARIANTS, type Variant, variantTables } from './study/variantTables.ts'

const USAGE =
  'npm run -s bench:kernel-study -- [--rounds 5] [--samples 30] [--dims 48,64,96,128] [--passages 20] [--tokens 180]'

type Kernel = (...numbers: number[]) => void

export interface StudyPoint {
  readonly variant: string
  readonly dim: number
  readonly nbits: number
  readonly ns_per_token_median: number
  readonly ns_per_token_p95: number
  /** Median of each round. */
  readonly rounds: readonly number[]
  /** Largest difference from floats in units of a table, where it was compared. */
  readonly error_units?: number
}

await runBench(
  USAGE,
  { rounds: '5', samples: '30', dims: '48,64,96,128', passages: '20', tokens: '180' },
  async (options) => {
    const count = (name: 'rounds' | 'samples' | 'passages' | 'tokens') =>
      integerOption(name, options[name], { min: 1, max: 100_000 })
    const rounds = count('rounds')
    const samples = count('samples')
    const shape = { passages: count('passages'), tokens: count('tokens') }
    const dims = options.dims.split(',').map((text) => integerOption('dims', text, { min: 32, max: 256 }))
    const started = await startRecord('kernel-study')
    const module = await compileStudy()
    const points: StudyPoint[] = []
    for (const dim of dims) {
      for (const nbits of [1, 2, 4] as const) {
        points.push(...(await studyOne(module, studyData({ dim, nbits, ...shape }), { rounds, samples })))
        progress(`${dim} dims, ${nbits} bits: done`)
      }
    }
    await writeResult('kernel-study', started, {
      parameters: { rows: 32, ...shape, centroids: 8192 },
      samples: { rounds, samples_a_round: samples, warm_up: '5 calls a round', order: 'variants take turns' },
      units: { 'ns_*': 'nanoseconds a passage token, 32 query rows, finish included; the tables are there already' },
      metrics: { points },
    })
    process.stdout.write(`${studyTable(points, dims)}\n`)
  },
)

async function compileStudy(): Promise<WebAssembly.Module> {
  const folder = await mkdtemp(join(tmpdir(), 'tartan-study-'))
  const outFile = join(folder, 'study.wasm')
  const { error, stderr } = await main([
    rootPath('assembly/study/index.ts'),
    ...['--runtime', 'stub', '--enable', 'simd', '--enable', 'relaxed-simd', '--importMemory', '--noExportMemory'],
    ...['--initialMemory', '1', '--use', 'abort=', '-O3', '--noAssert', '--baseDir', '/', '--outFile', outFile],
  ])
  if (error) throw new Error(`asc could not compile the study:\n${stderr.toString()}`, { cause: error })
  const module = await WebAssembly.compile(await readFile(outFile))
  await rm(folder, { recursive: true })
  return module
}

async function studyOne(
  module: WebAssembly.Module,
  data: StudyData,
  { rounds, samples }: { readonly rounds: number; readonly samples: number },
): Promise<readonly StudyPoint[]> {
  const tokens = data.codes.length
  const arms = []
  for (const variant of VARIANTS) {
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 1024 })
    const instance = await WebAssembly.instantiate(module, { env: { memory } })
    const placed = place(memory, data, variantTables(variant, data))
    const run = () => (instance.exports[variant.name] as Kernel)(...placed.words)
    run()
    const error = variant.checked ? checkVariant(data, placed.best(), variant.unitsOf(data)) : undefined
    arms.push({ variant, run, error, rounds: [] as number[], all: [] as number[] })
  }
  for (let round = 0; round < rounds; round++) {
    for (const arm of arms) {
      for (let warm = 0; warm < 5; warm++) arm.run()
      const times = Array.from({ length: samples }, () => {
        const from = performance.now()
        arm.run()
        return ((performance.now() - from) * 1e6) / tokens
      })
      arm.rounds.push(significant(median(times)))
      arm.all.push(...times)
    }
  }
  return arms.map(
    ({ variant, error, rounds: medians, all }): StudyPoint => ({
      variant: variant.name,
      dim: data.dim,
      nbits: data.nbits,
      ns_per_token_median: significant(median(all)),
      ns_per_token_p95: significant(percentile(all, 0.95)),
      rounds: medians,
      ...(error === undefined ? {} : { error_units: significant(error) }),
    }),
  )
}

function studyTable(points: readonly StudyPoint[], dims: readonly number[]): string {
  const shapes = dims.flatMap((dim) => ([1, 2, 4] as const).map((nbits: Nbits) => ({ dim, nbits })))
  const of = (name: string, dim: number, nbits: number) =>
    points.find((point) => point.variant === name && point.dim === dim && point.nbits === nbits)
  return textTable([
    ['variant', ...shapes.map(({ dim, nbits }) => `${dim} x ${nbits}`)],
    ...VARIANTS.map(({ name }: Variant) => [
      name,
      ...shapes.map(({ dim, nbits }) => of(name, dim, nbits)?.ns_per_token_median.toFixed(1) ?? '–'),
    ]),
  ])
}
