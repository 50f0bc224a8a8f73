/**
 * What the order of centroids, the order of passages and the gaps that are read over cost a cold query in bytes and reads: planned,
 * not read, for layouts that an index could have. Usage and keys: bench/README.md.
 */
import { orderCentroids } from '../../builder/segment/centroidOrder.ts'
import { contentOrder } from '../../builder/segment/passageOrder.ts'
import { seededRandom } from '../../builder/segment/sampling.ts'
import { readIndex } from '../../format/indexReader.ts'
import { rowBlockBytes, rowShapeOf } from '../../format/items/rowBlock.ts'
import { createChecksum } from '../../runtime/kernels/checksum.ts'
import { instantiateKernels } from '../../runtime/kernels/kernels.ts'
import { filesAtPath } from '../../runtime/platform/node/nodeFiles.ts'
import { compileKernels } from '../../runtime/platform/node/nodeIndex.ts'
import { planReads, type WantedBytes } from '../../runtime/search/range/plan.ts'
import { probeSegment } from '../../runtime/search/range/probeCells.ts'
import { openRangeIndex, type RangeIndex } from '../../runtime/search/range/rangeIndex.ts'
import { rangeParameters } from '../../runtime/search/range/rangeParameters.ts'
import { openRangeReader } from '../../runtime/searchers/rangeSearcher.ts'
import { cachedIndex } from '../harness/cachedIndex.ts'
import { labelOf, oneNbits, optionalInteger, REQUIRED_FOLDER, runBench, textTable } from '../harness/commandLine.ts'
import { type BenchQuery, factsOf, openJudgedVectors } from '../harness/judgedVectors.ts'
import { startRecord, writeResult } from '../harness/record.ts'
import { significant } from '../harness/samples.ts'

const USAGE = 'npm run -s bench:order -- --vectors FOLDER [--nbits 2] [--queries N] [--label NAME]'

const LIST_GAPS = [0, 1024, 2048, 4096, 8192, 16_384]
const ROW_GAPS = [0, 4096, 8192, 16_384, 32_768]
const UNLIMITED = { readsMax: 1e6, bytesMax: 1e12 }

interface OrderPoint {
  readonly what: 'lists' | 'rows'
  readonly order: string
  readonly gap_bytes: number
  readonly reads_mean: number
  readonly bytes_mean: number
}

const OPTIONS = { vectors: REQUIRED_FOLDER, nbits: oneNbits(2), queries: optionalInteger(), label: '' }

await runBench(USAGE, OPTIONS, async ({ vectors: folder, nbits, ...options }) => {
  const label = labelOf(folder, options.label)
  const started = await startRecord('order')
  const vectors = await openJudgedVectors(folder, options.queries)
  const { path } = await cachedIndex(vectors, { nbits, label })
  const module = await compileKernels()
  const kernels = await instantiateKernels(module)
  const reader = await readIndex(await filesAtPath(path), { crc32c: createChecksum(kernels) })
  const index = await openRangeIndex(reader, kernels, { cacheBytes: 0 })
  const content = await contentOrder(vectors.store, {})
  const points = [
    ...listPoints(index, await probedCells(index, vectors.queries)),
    ...rowPoints(index, await foundPassages(index, vectors.queries, module), content),
  ]
  await writeResult(`order-${label}-${nbits}bit`, started, {
    parameters: { ...factsOf(label, vectors), nbits, ...rangeParameters() },
    samples: { queries: vectors.queries.length },
    units: { reads_mean: 'byte ranges a query', bytes_mean: 'bytes a query, gaps counted' },
    metrics: { points },
  })
  process.stdout.write(`${table(points)}\n`)
  await vectors.store.close()
  await reader.close()
})

async function probedCells(index: RangeIndex, queries: readonly BenchQuery[]): Promise<readonly (readonly number[])[]> {
  const { ncells } = rangeParameters()
  return queries.map((query) => {
    const { cells, wanted } = probeSegment(index.kernels, index.segments[0]!, query, ncells)
    return cells.slice(0, wanted).map(({ cell }) => cell)
  })
}

/** The passages that are rescored for each query. */
async function foundPassages(index: RangeIndex, queries: readonly BenchQuery[], module: WebAssembly.Module) {
  const searcher = await openRangeReader(index.reader, index.kernels, { kernels: module, bytesMax: 1e9, readsMax: 1e6 })
  const rescored = rangeParameters().ndocs / 4
  const found: number[][] = []
  for (const query of queries) {
    // As many results as are rescored: they then are the candidates.
    found.push((await searcher.search(query, { k: rescored })).hits.map(({ pid }) => pid))
  }
  return found
}

function listPoints(index: RangeIndex, wanted: readonly (readonly number[])[]): readonly OrderPoint[] {
  const { postingOffsets, entry, dim, tables } = index.segments[0]!
  const count = entry.centroids
  const lengthOf = (cell: number) => postingOffsets[cell + 1]! - postingOffsets[cell]!
  const { buffer } = index.kernels.memory
  const scales = new Float32Array(buffer, tables.centroidScales, count)
  const centroids = Float32Array.from(
    new Int8Array(buffer, tables.centroids, count * dim),
    (value, at) => value * scales[Math.floor(at / dim)]!,
  )
  const orders = {
    'by neighbours (the builder)': Uint32Array.from({ length: count }, (_, cell) => cell),
    bisected: orderCentroids(centroids, dim),
    random: shuffled(count),
  }
  return Object.entries(orders).flatMap(([order, cells]) =>
    planned('lists', order, { order: cells, lengthOf, wanted, gaps: LIST_GAPS }),
  )
}

function rowPoints(
  index: RangeIndex,
  wanted: readonly (readonly number[])[],
  content: Uint32Array,
): readonly OrderPoint[] {
  const { tokens, entry, dim } = index.segments[0]!
  const shape = rowShapeOf(dim, entry)
  const lengthOf = (pid: number) => rowBlockBytes(tokens.lengths[pid]!, shape)
  const orders = {
    input: Uint32Array.from({ length: entry.passages }, (_, pid) => pid),
    content,
    random: shuffled(entry.passages),
  }
  return Object.entries(orders).flatMap(([order, pids]) =>
    planned('rows', order, { order: pids, lengthOf, wanted, gaps: ROW_GAPS }),
  )
}

interface Layout {
  /** Which item comes first, second, … */
  readonly order: Uint32Array
  readonly lengthOf: (item: number) => number
  /** Items of each query. */
  readonly wanted: readonly (readonly number[])[]
  readonly gaps: readonly number[]
}

function planned(what: OrderPoint['what'], order: string, layout: Layout): readonly OrderPoint[] {
  const offsets = new Float64Array(layout.order.length)
  let offset = 0
  for (const item of layout.order) {
    offsets[item] = offset
    offset += layout.lengthOf(item)
  }
  const places = layout.wanted.map((items) =>
    items.flatMap((item): WantedBytes[] => {
      const length = layout.lengthOf(item)
      return length === 0 ? [] : [{ part: 0, offset: offsets[item]!, length }]
    }),
  )
  return layout.gaps.map((gapBytes) => {
    const plans = places.map((own) => planReads(own, { ...UNLIMITED, gapBytes }))
    const mean = (values: readonly number[]) =>
      significant(values.reduce((sum, value) => sum + value, 0) / values.length)
    return {
      ...{ what, order, gap_bytes: gapBytes },
      reads_mean: mean(plans.map(({ reads }) => reads.length)),
      bytes_mean: mean(plans.map(({ bytes }) => bytes)),
    }
  })
}

function shuffled(count: number): Uint32Array {
  const random = seededRandom(1)
  const order = Uint32Array.from({ length: count }, (_, item) => item)
  for (let at = count - 1; at > 0; at--) {
    const other = random() % (at + 1)
    ;[order[at], order[other]] = [order[other]!, order[at]!]
  }
  return order
}

function table(points: readonly OrderPoint[]): string {
  return textTable([
    ['what', 'order', 'gap', 'reads', 'KB'],
    ...points.map((point) => [
      ...[point.what, point.order, String(point.gap_bytes), point.reads_mean.toFixed(1)],
      (point.bytes_mean / 1000).toFixed(1),
    ]),
  ])
}
