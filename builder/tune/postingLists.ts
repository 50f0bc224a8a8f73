/** Sizes of an index for the cost model, and how many bytes of posting lists a query probes. */
import type { IndexReader } from '../../format/indexReader.ts'
import { countPids, locatePostingList } from '../../format/items/postingList.ts'
import { codeBytesOf } from '../../format/items/rowBlock.ts'
import type { QuantiserEntry, SegmentEntry } from '../../format/manifest/manifest.ts'
import { GraphBuilder } from '../../onnx/graphBuilder.ts'
import { writeModel } from '../../onnx/model.ts'
import { openOnnxSession } from '../../runtime/platform/node/onnxNode.ts'
import type { QueryVectors } from '../../runtime/searcher.ts'
import type { IndexSizes } from './costModel.ts'
import { centroidTable } from './decodedRows.ts'

/** @throws ChecksumError, FormatError, StorageError */
export async function readSizes(reader: IndexReader): Promise<IndexSizes> {
  const { dim, quantisers, segments } = reader.manifest
  const sum = (of: (segment: SegmentEntry) => number) => segments.reduce((total, segment) => total + of(segment), 0)
  const passages = sum((segment) => segment.passages)
  const centroids = quantisers.map((quantiser) => quantiser.centroids)
  let codes = 0
  for (const segment of segments) codes += await countPostings(reader, segment)
  return {
    dim,
    nbits: quantisers[0]?.codec.nbits ?? 4,
    centroids: centroids.reduce((total, count) => total + count, 0),
    passageTokens: sum((segment) => segment.tokens) / passages,
    passageCodes: codes / passages,
    codeBytes: codeBytesOf(Math.max(...centroids)),
  }
}

/** Of all lists: each passage is in as many as it has distinct codes. */
async function countPostings(reader: IndexReader, segment: SegmentEntry): Promise<number> {
  const offsets = await listOffsets(reader, segment)
  const bytes = await reader.section(segment, 'postings')
  let count = 0
  for (let cell = 0; cell + 1 < offsets.length; cell++) {
    const { offset, length } = locatePostingList(offsets, cell)
    count += countPids(bytes.subarray(offset, offset + length))
  }
  return count
}

async function listOffsets(reader: IndexReader, segment: SegmentEntry): Promise<Uint32Array> {
  return new Uint32Array((await reader.section(segment, 'postingOffsets')).buffer)
}

/**
 * Mean bytes of the posting lists that a query probes, for each number of cells a row. Cells are those of the largest float dot
 * products; search compares integers, which may swap near-equal cells.
 *
 * @param ncells - ascending
 */
export async function probedListBytes(
  reader: IndexReader,
  queries: readonly QueryVectors[],
  ncells: readonly number[],
): Promise<ReadonlyMap<number, number>> {
  const sums = new Map(ncells.map((n) => [n, 0]))
  for (const [number, quantiser] of reader.manifest.quantisers.entries()) {
    const segments = reader.manifest.segments.filter((segment) => segment.quantiser === number)
    const lists = await Promise.all(segments.map((segment) => listOffsets(reader, segment)))
    const wanted = Math.min(quantiser.centroids, Math.max(1, ...ncells))
    const session = await openOnnxSession(await topCellsModel(reader, quantiser, wanted))
    try {
      for (const query of queries) {
        const { cells } = await session.run({
          rows: { type: 'float32', data: query.vectors, dims: [query.rows, query.dim] },
        })
        const ranked = cells?.data as BigInt64Array
        for (const n of ncells) {
          for (const offsets of lists) {
            sums.set(n, (sums.get(n) ?? 0) + listBytes(ranked, { wanted, ncells: n }, offsets))
          }
        }
      }
    } finally {
      await session.close()
    }
  }
  return new Map([...sums].map(([n, bytes]) => [n, bytes / queries.length]))
}

/** Bytes of the lists that the first `ncells` of every row's `wanted` cells name, each list once. */
function listBytes(
  cells: BigInt64Array,
  { wanted, ncells }: { readonly wanted: number; readonly ncells: number },
  offsets: Uint32Array,
): number {
  const probed = new Set<number>()
  for (const [at, cell] of cells.entries()) if (at % wanted < ncells) probed.add(Number(cell))
  let bytes = 0
  for (const cell of probed) bytes += locatePostingList(offsets, cell).length
  return bytes
}

/** Model: `rows` f32[rows][dim] → `cells` i64[rows][count], the centroids with the largest dot products, best first. */
async function topCellsModel(reader: IndexReader, quantiser: QuantiserEntry, count: number): Promise<Uint8Array> {
  const { dim } = reader.manifest
  const graph = new GraphBuilder('topCells')
  const rows = graph.input('rows', 'float32', ['rows', dim])
  const table = await centroidTable(reader, quantiser)
  const centroidRows = graph.initializer('centroids', 'float32', [quantiser.centroids, dim], table)
  const transposed = graph.node('transposed', 'Transpose', [centroidRows], { perm: { ints: [1, 0] } })
  const scores = graph.node('scores', 'MatMul', [rows, transposed])
  const [best = '', cells = ''] = graph.nodeOf(['best', 'cells'], 'TopK', [scores, graph.integers('count', [count])])
  graph.output(best, 'float32', ['rows', count])
  graph.output(cells, 'int64', ['rows', count])
  return writeModel(graph.build())
}
