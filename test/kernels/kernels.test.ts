/**
 * Kernels equal their readable twins (reference/kernels.ts) bit for bit, in the release and the debug build, each
 * region in turn flush against the end of memory. Expected values come from the twin, which shares no code with them.
 */
import { beforeAll, describe, expect, it } from 'vitest'
import type { Nbits, SegmentData } from '../../format/manifest/segment.ts'
import { randomQuery, randomSegment } from '../../lab/data/randomSegment.ts'
import * as twin from '../../reference/kernels.ts'
import { refine } from '../../reference/refine.ts'
import { STATUS_OFFSETS } from '../../runtime/kernels/layout.ts'
import { paddedRows, type QuantisedQuery, quantiseQuery } from '../../runtime/kernels/quantise.ts'
import { builds, cellsOf, type KernelRun, kernelsModule, placeAll, regionNames } from './guardedMemory.ts'

const ncells = 3
const threshold = 0.05
const wanted = 4

interface Outputs {
  readonly scores: Int16Array
  readonly bytes: Uint8Array
  readonly survives: Uint8Array
  readonly marks: Uint8Array
  readonly bitmap: Uint32Array
  readonly pids: Uint32Array
  readonly pruned: Uint32Array
  readonly selected: Uint32Array
  readonly approximate: Uint32Array
  readonly rescored: Uint32Array
  readonly refined: Uint32Array
  readonly tokenScores: readonly Uint32Array[]
  readonly cellStarts: Uint32Array
  readonly cells: Uint16Array
  readonly validBlocks: number
  readonly crc: number
}

const bitsOf = (values: Float32Array) => new Uint32Array(values.buffer, values.byteOffset, values.length)

function expectedOutputs(data: SegmentData, query: QuantisedQuery): Outputs {
  const segment = twin.referenceSegment(data)
  const cellScores = twin.scoreCentroids(segment, query, threshold)
  const marks = twin.topCells(segment, query, cellScores, ncells)
  const { bitmap } = twin.gather(segment, marks)
  const passageCount = segment.tokenStarts.length - 1
  const pids = twin.collectPids(bitmap, undefined, passageCount)
  const pruned = twin.approximate(segment, query, cellScores, pids, true)
  return {
    scores: cellScores.scores,
    bytes: cellScores.bytes,
    survives: cellScores.survives,
    marks,
    bitmap,
    pids,
    pruned,
    selected: twin.selectTop(pids, pruned, wanted),
    approximate: twin.approximate(segment, query, cellScores, pids, false),
    rescored: bitsOf(twin.rescore(segment, query, cellScores, pids)),
    refined: bitsOf(refine(segment, query, pids)),
    tokenScores: Array.from({ length: passageCount }, (_, pid) =>
      bitsOf(twin.tokenScores(segment, query, cellScores, pid)),
    ),
    ...(cellsOf(data) as { cellStarts: Uint32Array; cells: Uint16Array }),
    validBlocks: twin.validateBlocks(segment),
    crc: twin.crc32c(segment.rows),
  }
}

/** Rows of a padded matrix without their padding. */
function unpad<T extends Uint8Array | Int16Array | Uint32Array>(padded: T, stride: number, rows: number): T {
  return padded.filter((_, index) => index % stride < rows) as T
}

function actualOutputs(run: KernelRun, rowsLength: number): Outputs {
  const { kernels, segment, query, address } = run
  const { rows } = query
  const words = (name: string, count?: number) => new Uint32Array(run.bytes(name).buffer).slice(0, count)
  kernels.scoreCentroids(segment, query, threshold)
  kernels.topCells(segment, query, { ncells, heaps: address('heaps'), marks: address('marks') })
  const bitmap = address('bitmap')
  new Uint8Array(kernels.memory.buffer, bitmap, run.bytes('bitmap').length).fill(0)
  expect(kernels.gather(segment, address('marks'), bitmap)).toEqual({ status: 0, cell: 0 })
  const count = kernels.collectPids({ bitmap, passageCount: segment.passageCount }, address('pids'))
  const candidates = { pids: address('pids'), count, scores: address('scores') }
  kernels.approximate(segment, query, candidates, true)
  const pruned = words('scores', count)
  const select = { wanted, scoreMax: rows * 255, counts: address('counts'), out: address('selected') }
  const selected = kernels.selectTop(candidates, select)
  kernels.approximate(segment, query, candidates, false)
  const approximate = words('scores', count)
  kernels.rescore(query, [{ segment, candidates }])
  const rescored = words('scores', count)
  kernels.refine(segment, query, candidates)
  const refined = words('scores', count)
  const tokenScores = Array.from({ length: segment.passageCount }, (_, pid) => {
    kernels.tokenScores(segment, query, { pid, out: address('tokenScores') })
    const [start, end] = new Uint32Array(run.bytes('tokenStarts').buffer).slice(pid, pid + 2)
    return unpad(words('tokenScores', (end! - start!) * paddedRows(rows)), paddedRows(rows), rows)
  })
  return {
    scores: unpad(new Int16Array(run.bytes('cellScores').buffer), paddedRows(rows), rows),
    bytes: unpad(run.bytes('cellBytes'), paddedRows(rows), rows),
    survives: run.bytes('survives'),
    marks: run.bytes('marks'),
    bitmap: words('bitmap'),
    pids: words('pids', count),
    pruned,
    selected: words('selected', selected),
    approximate,
    rescored,
    refined,
    tokenScores,
    ...distinctOutputs(run),
    validBlocks: kernels.validateBlocks(segment, address('crcTables')),
    crc: kernels.crc32c(segment.rows, rowsLength, address('crcTables')),
  }
}

function distinctOutputs({ kernels, segment, bytes, address }: KernelRun) {
  // Overwritten first, so that what the kernel does not write is seen.
  new Uint8Array(kernels.memory.buffer, segment.cellStarts, bytes('cellStarts').length).fill(0xa5)
  expect(kernels.distinctCells(segment, { last: address('lastPassages'), cells: address('cellsOut') })).toBe(
    segment.passageCount,
  )
  const count = new Uint32Array(bytes('cellStarts').buffer).at(-1)
  return {
    cellStarts: new Uint32Array(bytes('cellStarts').buffer),
    cells: new Uint16Array(bytes('cellsOut').buffer).slice(0, count),
  }
}

describe.each(builds)('%s equals the readable twin bit for bit', (build) => {
  let module: WebAssembly.Module
  beforeAll(async () => {
    module = await kernelsModule(build)
  })

  const dims = [32, 48, 64, 96, 128, 256]
  const rowCounts = [1, 3, 4, 5, 31, 32, 33, 64]
  const shapes = dims.flatMap((dim) => rowCounts.map((rows) => [dim, rows] as const))
  it.each(shapes)('with %i dims and %i rows at 1, 2 and 4 bits, any region at the end of memory', async (dim, rows) => {
    for (const nbits of [1, 2, 4] as const) {
      const seed = dim * 1000 + rows * 10 + nbits
      const data = randomSegment({ seed, dim, nbits, centroidCount: 11, lengths: [2, 0, 1, 17, 2, 2, 0, 1] })
      const query = quantiseQuery(randomQuery(seed + 1, rows, dim, rows > 4 ? [2] : []), rows, dim)
      const expected = expectedOutputs(data, query)
      expect(expected.pids.length).toBeGreaterThan(0)
      // All regions at the end for one shape of each dim; elsewhere one region each, so that the suite stays quick.
      const flushed = rows === 5 ? regionNames : [regionNames[seed % regionNames.length]!, 'rows', 'scratch']
      for (const flush of flushed) {
        const run = await placeAll({ module, data, query, ncells, flush })
        expect(actualOutputs(run, data.rows.length), `flush ${flush}`).toEqual(expected)
      }
    }
  })

  it('with u32 codes when there are more than 65,536 centroids', async () => {
    const data = randomSegment({ seed: 7, dim: 32, nbits: 2, centroidCount: 65_537, lengths: [1, 17, 0, 2] })
    const query = quantiseQuery(randomQuery(8, 3, 32), 3, 32)
    const segment = twin.referenceSegment(data)
    const everyPid = Uint32Array.of(0, 1, 2, 3)
    const cellScores = twin.scoreCentroids(segment, query, threshold)
    for (const flush of ['rows', 'cellScores', 'cellBytes', 'survives'] as const) {
      const run = await placeAll({ module, data, query, ncells, flush })
      const { kernels, address } = run
      kernels.scoreCentroids(run.segment, run.query, threshold)
      new Uint32Array(kernels.memory.buffer, address('pids'), 4).set(everyPid)
      const candidates = { pids: address('pids'), count: 4, scores: address('scores') }
      kernels.approximate(run.segment, run.query, candidates, false)
      expect(new Uint32Array(run.bytes('scores').buffer)).toEqual(
        twin.approximate(segment, query, cellScores, everyPid, false),
      )
      kernels.rescore(run.query, [{ segment: run.segment, candidates }])
      expect(new Uint32Array(run.bytes('scores').buffer)).toEqual(
        bitsOf(twin.rescore(segment, query, cellScores, everyPid)),
      )
      kernels.refine(run.segment, run.query, candidates)
      expect(new Uint32Array(run.bytes('scores').buffer)).toEqual(bitsOf(refine(segment, query, everyPid)))
      const scratch = { last: address('lastPassages'), cells: address('cellsOut') }
      expect(kernels.distinctCells(run.segment, scratch)).toBe(4)
    }
  })

  it('with ties and many cells in topCells', async () => {
    const data = randomSegment({ seed: 9, dim: 32, nbits: 1, centroidCount: 300, lengths: [3] })
    // Every centroid appears three times, so that each place in the heap is a tie.
    for (let at = 3200; at < data.centroids.length; at++) data.centroids[at] = data.centroids[at - 3200]!
    data.centroidScales.fill(0.003)
    for (const count of [1, 2, 7, 100, 299, 300]) {
      const query = quantiseQuery(randomQuery(count, 5, 32, [1]), 5, 32)
      const run = await placeAll({ module, data, query, ncells: count, flush: 'heaps' })
      run.kernels.scoreCentroids(run.segment, run.query, threshold)
      run.kernels.topCells(run.segment, run.query, {
        ncells: count,
        heaps: run.address('heaps'),
        marks: run.address('marks'),
      })
      const cellScores = twin.scoreCentroids(twin.referenceSegment(data), query, threshold)
      expect(run.bytes('marks')).toEqual(twin.topCells(twin.referenceSegment(data), query, cellScores, count))
    }
  })

  it('counts a centroid as surviving when its best score equals the threshold', async () => {
    const data = randomSegment({ seed: 10, dim: 32, nbits: 1, centroidCount: 11, lengths: [3] })
    const query = quantiseQuery(randomQuery(11, 5, 32), 5, 32)
    const segment = twin.referenceSegment(data)
    const best = Math.max(...twin.scoreCentroids(segment, query, 1).bytes) / 127 - 1
    const run = await placeAll({ module, data, query, ncells, flush: 'survives' })
    run.kernels.scoreCentroids(run.segment, run.query, best)
    expect(run.bytes('survives').filter((flag) => flag === 1)).toHaveLength(1)
    expect(run.bytes('survives')).toEqual(twin.scoreCentroids(segment, query, best).survives)
  })

  it.each([
    ['falls', 4, 0],
    ['points outside the postings', 5, 0xfffffff0],
  ])('names the cell whose posting offset %s', async (_, cell, offset) => {
    const data = randomSegment({ seed: 12, dim: 32, nbits: 1, centroidCount: 11, lengths: [9, 9, 9] })
    const query = quantiseQuery(randomQuery(13, 1, 32), 1, 32)
    data.postingOffsets[cell + 1] = offset
    const run = await placeAll({ module, data, query, ncells, flush: 'postings' })
    new Uint8Array(run.kernels.memory.buffer, run.address('marks'), 11).fill(1)
    new Uint8Array(run.kernels.memory.buffer, run.address('bitmap'), run.bytes('bitmap').length).fill(0)
    const answer = run.kernels.gather(run.segment, run.address('marks'), run.address('bitmap'))
    const expected = twin.gather(twin.referenceSegment(data), new Uint8Array(11).fill(1))
    expect(answer).toEqual({ status: STATUS_OFFSETS, cell })
    expect(answer).toEqual({ status: expected.status, cell: expected.cell })
  })

  it('imports nothing but memory', () => {
    expect(WebAssembly.Module.imports(module)).toEqual([{ module: 'env', name: 'memory', kind: 'memory' }])
  })

  it('writes nothing but outputs and scratch', async () => {
    const nbits: Nbits = 2
    const data = randomSegment({ seed: 3, dim: 48, nbits, centroidCount: 11, lengths: [2, 0, 1, 17] })
    const query = quantiseQuery(randomQuery(4, 5, 48), 5, 48)
    const run = await placeAll({ module, data, query, ncells, flush: 'bitmap' })
    const outputs = [
      'cellStarts',
      'cellsOut',
      'lastPassages',
      'cellScores',
      'cellBytes',
      'survives',
      'tables',
      'scratch',
      'heaps',
      'marks',
      'bitmap',
      'pids',
      'scores',
    ]
    const written = [...outputs, 'counts', 'selected', 'tokenScores'].map((name) => ({
      start: run.address(name),
      end: run.address(name) + run.bytes(name).length,
    }))
    const before = new Uint8Array(run.kernels.memory.buffer).slice()
    actualOutputs(run, data.rows.length)
    const after = new Uint8Array(run.kernels.memory.buffer).slice()
    for (const { start, end } of written) after.set(before.subarray(start, end), start)
    expect(Buffer.compare(after, before)).toBe(0)
  })
})
