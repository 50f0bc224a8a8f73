/**
 * Runs every kernel over memory in which one region at a time ends exactly where memory ends, so that reading or writing
 * one byte too many traps.
 */
import { readFile } from 'node:fs/promises'
import { crc32cTables } from '../../format/container/crc32c.ts'
import { codeBytesOf } from '../../format/items/rowBlock.ts'
import type { SegmentData } from '../../format/manifest/segment.ts'
import { distinctCells, referenceSegment, tokenStartsOf } from '../../reference/kernels.ts'
import {
  type QueryBlock,
  type QueryPointer,
  queryLengths,
  type SegmentBlock,
  type SegmentPointer,
  segmentLengths,
} from '../../runtime/kernels/blocks.ts'
import { bitmapBytes, instantiateKernels, type Kernels, topCellsHeapBytes } from '../../runtime/kernels/kernels.ts'
import { QUERY_BLOCK_BYTES, SEGMENT_BLOCK_BYTES } from '../../runtime/kernels/layout.ts'
import * as quantise from '../../runtime/kernels/quantise.ts'
import { rowNumbers, segmentScales } from '../../runtime/kernels/units.ts'
import { copyQuery, queryLayouts } from '../../runtime/search/preparedQuery.ts'

export const builds = ['kernels.wasm', 'kernels.debug.wasm'] as const

export async function kernelsModule(build: (typeof builds)[number]): Promise<WebAssembly.Module> {
  return WebAssembly.compile(await readFile(new URL(`../../assembly/build/${build}`, import.meta.url)))
}

export interface KernelRun {
  readonly kernels: Kernels
  readonly segment: SegmentBlock
  readonly query: QueryBlock
  /** Address of each scratch and output region. */
  readonly address: (name: string) => number
  /** A copy of a region's bytes. */
  readonly bytes: (name: string) => Uint8Array
}

export interface RunInput {
  readonly module: WebAssembly.Module
  readonly data: SegmentData
  readonly query: quantise.QuantisedQuery
  readonly ncells: number
  /** Region that ends with the memory. */
  readonly flush: string
}

/** Names of all regions, for `flush`. */
export const regionNames = [
  ...['segment', 'centroids', 'centroidScales', 'weights', 'inverseNorms', 'tokenStarts', 'rows', 'postingOffsets'],
  ...[
    'postings',
    'cellStarts',
    'cells',
    'query',
    'pairs',
    'values',
    'numbers',
    'cellScores',
    'cellBytes',
    'survives',
    'tables',
  ],
  ...['scratch', 'heaps', 'marks', 'bitmap', 'pids', 'scores', 'counts', 'selected', 'tokenScores', 'crcTables'],
  ...['lastPassages', 'cellsOut', 'fineValues', 'finePairs'],
] as const

/** Lays everything out, the stated region last; all other bytes are 0xa5, so that results cannot depend on zeros. */
export async function placeAll({ module, data, query, ncells, flush }: RunInput): Promise<KernelRun> {
  const shape = shapeOf(data)
  const { dim, centroidCount, passageCount } = shape
  const tokensMax = Math.max(0, ...data.passageLengths)
  const lengths: Record<string, number> = {
    ...{ segment: SEGMENT_BLOCK_BYTES, query: QUERY_BLOCK_BYTES },
    ...segmentLengths(shape),
    ...queryLengths({ dim, nbits: shape.nbits, rows: query.rows, centroidCount }),
    ...{ heaps: topCellsHeapBytes(query.rows, ncells), marks: centroidCount, bitmap: bitmapBytes(passageCount) },
    ...{ pids: passageCount * 4, scores: passageCount * 4, counts: (query.rows * 255 + 1) * 4 },
    ...{ selected: passageCount * 4, tokenScores: tokensMax * quantise.paddedRows(query.rows) * 4, crcTables: 16384 },
    ...{ lastPassages: centroidCount * 4, cellsOut: (shape.tokenCount + 1) * codeBytesOf(centroidCount) },
  }
  const total = Object.values(lengths).reduce((sum, length) => sum + Math.ceil(length / 64) * 64, 64)
  const pages = Math.ceil(total / 65_536)
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages })
  new Uint8Array(memory.buffer).fill(0xa5)
  const addresses: Record<string, number> = {}
  let top = 64
  for (const [name, length] of Object.entries(lengths)) {
    addresses[name] = name === flush ? memory.buffer.byteLength - length : top
    if (name !== flush) top += Math.ceil(length / 64) * 64
  }
  const kernels = await instantiateKernels(module, { memory })
  const contents = { ...segmentContents(data), crcTables: crc32cTables(16) }
  for (const [name, values] of Object.entries(contents)) {
    new Uint8Array(memory.buffer).set(
      new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
      addresses[name]!,
    )
  }
  const numbers = rowNumbers(query, scalesOf(data))
  copyQuery(memory, addresses as Record<QueryPointer, number>, queryLayouts(query), numbers)
  const pick = <Name extends string>(names: readonly Name[]) =>
    Object.fromEntries(names.map((name) => [name, addresses[name]!])) as Record<Name, number>
  return {
    kernels,
    segment: kernels.writeSegment(addresses.segment!, {
      ...shape,
      ...pick<SegmentPointer>(segmentPointers),
      fineScale: scalesOf(data).fineScale,
    }),
    query: kernels.writeQuery(addresses.query!, {
      ...{ dim, nbits: shape.nbits, rows: query.rows, centroidCount },
      ...pick<QueryPointer>(queryPointers),
    }),
    address: (name) => addresses[name]!,
    bytes: (name) => new Uint8Array(memory.buffer.slice(addresses[name]!, addresses[name]! + lengths[name]!)),
  }
}

const segmentPointers: readonly SegmentPointer[] = [
  ...(['centroids', 'centroidScales', 'weights', 'inverseNorms', 'tokenStarts', 'rows'] as const),
  ...(['postingOffsets', 'postings', 'cellStarts', 'cells', 'fineValues'] as const),
]
const queryPointers: readonly QueryPointer[] = [
  ...(['pairs', 'values', 'numbers', 'cellScores', 'cellBytes', 'survives', 'tables', 'scratch', 'finePairs'] as const),
]

function shapeOf(data: SegmentData) {
  return {
    dim: data.dim,
    nbits: data.codec.nbits,
    centroidCount: data.centroidScales.length,
    passageCount: data.passageLengths.length,
    tokenCount: data.passageLengths.reduce((sum, tokens) => sum + tokens, 0),
    postingsLength: data.postings.length,
    distinctCount: distinctCells(referenceSegment(data)).reduce((sum, cells) => sum + cells.length, 0),
  }
}

function segmentContents(data: SegmentData) {
  return {
    centroids: data.centroids,
    centroidScales: data.centroidScales,
    weights: quantise.weightTable(quantise.quantiseWeights(data.codec.bucketWeights).values, data.codec.nbits),
    inverseNorms: scalesOf(data).inverseNorms,
    fineValues: scalesOf(data).fineValues,
    tokenStarts: tokenStartsOf(data.passageLengths),
    rows: data.rows,
    postingOffsets: data.postingOffsets,
    postings: data.postings,
    ...cellsOf(data),
  }
}

/** What distinctCells writes, by its twin. */
export function cellsOf(data: SegmentData) {
  const cells = distinctCells(referenceSegment(data))
  const all = cells.flatMap((list) => [...list])
  const isShort = codeBytesOf(data.centroidScales.length) === 2
  return {
    cellStarts: tokenStartsOf(Uint16Array.from(cells, ({ length }) => length)),
    cells: isShort ? Uint16Array.from(all) : Uint32Array.from(all),
  }
}

function scalesOf(data: SegmentData) {
  return segmentScales(data.codec, data.dim, data.centroids, data.centroidScales)
}
