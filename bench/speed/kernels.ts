/**
 * Speed of the kernels on seeded random data: ns a token, GB/s. Prints JSON. Run: node bench/speed/kernels.ts
 * Each sample is one call over the whole data; metrics are the median and the 95th percentile of 30 samples after 5 of warm-up.
 */
import { readFile } from 'node:fs/promises'
import type { Nbits } from '../../format/manifest/segment.ts'
import { randomQuery, randomSegment } from '../../lab/data/randomSegment.ts'
import { residentOf } from '../../lab/search/residentOf.ts'
import { placeCrcTables } from '../../runtime/kernels/checksum.ts'
import { instantiateKernels, topCellsHeapBytes } from '../../runtime/kernels/kernels.ts'
import { defaultParameters } from '../../runtime/search/parameters.ts'
import { PreparedQuery } from '../../runtime/search/preparedQuery.ts'
import { runBench } from '../harness/commandLine.ts'
import { startRecord } from '../harness/record.ts'

const rows = 32
const dim = 96
const centroidCount = 8192
// One rescore call takes about 1 ms: shorter than the slice of a scheduler, so that the median is not its noise.
const passageCount = 100
const passageTokens = 90
const module = await WebAssembly.compile(await readFile(new URL('../../assembly/build/kernels.wasm', import.meta.url)))

function sample(run: () => void): { p50: number; p95: number; samples: number } {
  for (let warm = 0; warm < 5; warm++) run()
  const times = Array.from({ length: 30 }, () => {
    const start = performance.now()
    run()
    return (performance.now() - start) * 1e6
  }).sort((a, b) => a - b)
  return { p50: times[15]!, p95: times[28]!, samples: times.length }
}

async function measureNbits(nbits: Nbits) {
  const lengths = Array.from({ length: passageCount }, () => passageTokens)
  const data = randomSegment({ seed: nbits, dim, nbits, centroidCount, lengths })
  const kernels = await instantiateKernels(module)
  const segment = await residentOf(data, kernels)
  const vectors = randomQuery(1, rows, dim)
  const query = new PreparedQuery({ vectors, rows, dim }, dim).place(kernels, segment.block, segment.scales)
  const candidates = { pids: kernels.arena.allocate(passageCount * 4), count: passageCount, scores: 0 }
  candidates.scores = kernels.arena.allocate(passageCount * 4)
  const heaps = kernels.arena.allocate(topCellsHeapBytes(rows, 4))
  const marks = kernels.arena.allocate(centroidCount)
  const tables = placeCrcTables(kernels)
  new Uint32Array(kernels.memory.buffer, candidates.pids, passageCount).set(lengths.map((_, pid) => pid))
  const tokens = passageCount * passageTokens
  const perUnit = (run: () => void, units: number) => {
    const { p50, p95, samples } = sample(run)
    return { p50: p50 / units, p95: p95 / units, samples }
  }
  const { ncells, centroidScoreThreshold } = defaultParameters(100)
  return {
    nbits,
    scoreCentroidsNsPerCentroid: perUnit(
      () => kernels.scoreCentroids(segment.block, query, centroidScoreThreshold),
      centroidCount,
    ),
    topCellsNsPerCentroid: perUnit(
      () => kernels.topCells(segment.block, query, { ncells, heaps, marks }),
      centroidCount,
    ),
    approximateNsPerToken: perUnit(() => kernels.approximate(segment.block, query, candidates, false), tokens),
    approximatePrunedNsPerToken: perUnit(() => kernels.approximate(segment.block, query, candidates, true), tokens),
    rescoreNsPerToken: perUnit(() => kernels.rescore(query, [{ segment: segment.block, candidates }]), tokens),
    refineNsPerToken: perUnit(() => kernels.refine(segment.block, query, candidates), tokens),
    crc32cNsPerByte: perUnit(() => kernels.crc32c(segment.block.rows, data.rows.length, tables), data.rows.length),
  }
}

await runBench('npm run -s bench:kernels', {}, async () => {
  const started = await startRecord('kernels')
  const parameters = { rows, dim, centroidCount, passageCount, passageTokens }
  const metrics = []
  for (const nbits of [1, 2, 4] as const) metrics.push(await measureNbits(nbits))
  process.stdout.write(`${JSON.stringify({ ...started, parameters, metrics }, undefined, 2)}\n`)
})
