/** Draws bench/results/{quality,size,peers,growth,tiers,range}-*.json as SVG beside them. Usage: bench/README.md. */
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { rootPath, runBench } from './harness/commandLine.ts'
import type { BenchRecord } from './harness/record.ts'
import { barsFigure } from './plot/bars.ts'
import { curveFigure } from './plot/curve.ts'
import { growthFigure } from './plot/growth.ts'
import { peersFigure } from './plot/peers.ts'
import { rangeFigure } from './plot/range.ts'
import { subtitleOf } from './plot/subtitle.ts'
import { tiersFigure } from './plot/tiers.ts'

const FOLDER = rootPath('bench', 'results')

/** The keys of quality.ts and size.ts that are drawn. */
interface QualityMetrics {
  readonly indexes: readonly {
    readonly nbits: number
    readonly points: readonly {
      readonly name: string
      readonly k: number
      readonly ms_p50: number
      readonly 'overlap@10': number
    }[]
  }[]
}

interface SizeMetrics {
  readonly indexes: readonly {
    readonly nbits: number
    readonly without_texts_bytes_per_token: number
    readonly target_bytes_per_token?: number
    readonly container_bytes_per_token: number
    readonly sections: readonly { readonly name: string; readonly bytes_per_token: number }[]
  }[]
}

/** Name of a bench → its figure. */
const FIGURES: Readonly<Record<string, (record: BenchRecord) => string | undefined>> = {
  quality: qualityFigure,
  size: sizeFigure,
  peers: peersFigure,
  growth: growthFigure,
  tiers: tiersFigure,
  // One that was measured at a single setting is no curve.
  range: (record) => ((record.metrics as { points: unknown[] }).points.length > 1 ? rangeFigure(record) : undefined),
}

await runBench('npm run -s bench:plot', {}, async () => {
  const names = (await readdir(FOLDER))
    .filter((name) => /^(quality|size|peers|growth|tiers|range)-.*\.json$/.test(name))
    .sort()
  if (names.length === 0)
    process.stderr.write('nothing to draw: run bench:quality, bench:size, bench:peers or bench:growth first\n')
  for (const name of names) {
    const record = JSON.parse(await readFile(`${FOLDER}/${name}`, 'utf8')) as BenchRecord
    const drawing = FIGURES[record.bench]?.(record)
    if (drawing === undefined) continue
    const target = name.replace(/\.json$/, '.svg')
    await writeFile(`${FOLDER}/${target}`, drawing)
    process.stdout.write(`bench/results/${target}\n`)
  }
})

function qualityFigure(record: BenchRecord): string {
  const { indexes } = record.metrics as QualityMetrics
  return curveFigure({
    title: `Search time and agreement with exact search: ${record.parameters.label}`,
    subtitle: subtitleOf(record, `${record.samples.queries} queries, one thread`),
    settings: 'grid of ncells × ndocs, its best joined',
    series: indexes.map(({ nbits, points }) => ({
      name: bits(nbits),
      points: points.map((point) => ({ x: point.ms_p50, y: point['overlap@10'], name: point.name, k: point.k })),
    })),
  })
}

function sizeFigure(record: BenchRecord): string {
  const { indexes } = record.metrics as SizeMetrics
  const aimed = indexes.find((index) => index.target_bytes_per_token !== undefined)
  return barsFigure({
    title: `Index size without texts: ${record.parameters.label}`,
    subtitle: subtitleOf(record),
    unit: 'bytes a token',
    bars: indexes.map((index) => ({
      name: bits(index.nbits),
      parts: [
        // The largest first, the same in every bar.
        ...index.sections
          .filter(({ name }) => name !== 'texts' && name !== 'textBlocks')
          .map(({ name, bytes_per_token: value }) => ({ name, value }))
          .sort((a, b) => Number(b.name === 'rows') - Number(a.name === 'rows')),
        { name: 'container', value: index.container_bytes_per_token },
      ],
      total: index.without_texts_bytes_per_token,
    })),
    ...(aimed ? { target: { bar: bits(aimed.nbits), value: aimed.target_bytes_per_token ?? 0 } } : {}),
  })
}

function bits(nbits: number): string {
  return nbits === 1 ? '1 bit' : `${nbits} bits`
}
