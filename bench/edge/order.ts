/**
 * What the order of centroids, the order of passages and the gaps that are read over cost a cold query in bytes and reads: planned,
 * not read, for layouts that an index could have. Usage and keys: bench/README.md.
 */
import { orderCentroids } from '../../builder/segment/centroidOrder.ts'
import { contentOrder } from '../../builder/segment/passageOrder.ts'
import { seededRandom } from '../../builder/segment/sampling.ts'
import { readIndex } from '../../format/indexReader.ts'
import { rowBlockBytes } from '../../format/items/rowBlock.ts'
import { openByRange } from '../../lab/search/openedBy.ts'
import { createChecksum } from '../../runtime/kernels/checksum.ts'
import { instantiateKernels } from '../../runtime/kernels/kernels.ts'
import { filesAtPath } from '../../runtime/platform/node/nodeFiles.ts'
import { compileKernels } from '../../runtime/platform/node/nodeKernels.ts'
import { PreparedQuery } from '../../runtime/search/preparedQuery.ts'
import { planReads, type WantedBytes } from '../../runtime/search/range/plan.ts'
import { probeQuantiser } from '../../runtime/search/range/probeCells.ts'
import { openRangeIndex, type RangeIndex } from '../../runtime/search/range/rangeIndex.ts'
import { resolveRangeParameters } from '../../runtime/search/range/rangeParameters.ts'
import { cachedIndex } from '../harness/cachedIndex.ts'
import { labelOf, oneNbits, optionalInteger, REQUIRED_FOLDER, runBench, textTable } from '../harness/commandLine.ts'
import { type BenchQuery, factsOf, openJudgedVectors } from '../harness/judgedVectors.ts'
import { startRecord, writeResult } from '../harness/record.ts'
import { significant } from '../harness/samples.ts'

const USAGE = 'npm run -s bench:order -- --vectors FOLDER [--nbits 2] [--queries N] [--label NAME]'

const LIST_GAPS = [0, 1024, 2048, 4096, 8192, 16_384]
const ROW_GAPS = [0, 4096, 8192, 16_384, 32_768]
const UNLIMITED = { reads: 1e6, bytes: 1e9 }
/** What a query by range wants by default. */
const WANTED = resolveRangeParameters()

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
    ...rowPoints(index, await foundPassages(path, vectors.queries, module), content),
  ]
  await writeResult(`order-${label}-${nbits}bit`, started, {
    parameters: { ...factsOf(label, vectors), nbits, lists: WANTED.lists, passages_rescored: WANTED.passages },
    samples: { queries: vectors.queries.length },
    units: { reads_mean: 'byte ranges a query', bytes_mean: 'bytes a query, gaps counted' },
    metrics: { points },
  })
  process.stdout.write(`${table(points)}\n`)
  await vectors.store.close()
  await reader.close()
})

async function probedCells(index: RangeIndex, queries: readonly BenchQuery[]): Promise<readonly (readonly number[])[]> {
  return queries.map((query) => {
    const prepared = new PreparedQuery(query, query.dim)
    const { cells, wanted } = probeQuantiser(index.kernels, index.quantisers[0]!, prepared, WANTED.lists)
    return cells.slice(0, wanted).map(({ cell }) => cell)
  })
}

/** The passages that are rescored for each query. */
async function foundPassages(path: string, queries: readonly BenchQuery[], kernels: WebAssembly.Module) {
  const searcher = await openByRange(await filesAtPath(path), { kernels, budget: UNLIMITED })
  const found: number[][] = []
  for (const query of queries) {
    // As many results as are rescored: they then are the candidates.
    const { hits } = await searcher.search(query, { k: WANTED.passages })
    found.push(hits.map(({ place }) => place.pid))
  }
  await searcher.close()
  return found
}

function listPoints(index: RangeIndex, wanted: readonly (readonly number[])[]): readonly OrderPoint[] {
  const { postingOffsets } = index.segments[0]!
  const { dim, centroidCount: count, pointers } = index.quantisers[0]!
  const lengthOf = (cell: number) => postingOffsets[cell + 1]! - postingOffsets[cell]!
  const { buffer } = index.kernels.memory
  const scales = new Float32Array(buffer, pointers.centroidScales, count)
  const centroids = Float32Array.from(
    new Int8Array(buffer, pointers.centroids, count * dim),
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
  const { tokens, entry, rowShape } = index.segments[0]!
  const lengthOf = (pid: number) => rowBlockBytes(tokens.lengths[pid]!, rowShape)
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
    const plans = places.map((own) => planReads(own, { budget: { reads: UNLIMITED.reads, bytes: 1e12 }, gapBytes }))
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
