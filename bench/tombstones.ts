/** Bytes of tombstones in several encodings, for random and clustered deletions. Usage and keys: bench/README.md. */
import { deflateRawSync } from 'node:zlib'
import { type Random, seededRandom } from '../builder/segment/sampling.ts'
import { ascendingBytes } from '../format/items/ascendingIntegers.ts'
import { decodeTombstones, encodeTombstones } from '../format/items/tombstones.ts'
import { integerOption, runBench, textTable } from './harness/commandLine.ts'
import { startRecord, writeResult } from './harness/record.ts'

const USAGE = 'npm run -s bench:tombstones -- [--passages 1000000] [--run 32]'
const SHARES = [0.0001, 0.001, 0.01, 0.1, 0.5]
/** Decodings that are timed, after as many that are not. */
const ROUNDS = 9

interface Point {
  readonly deletions: string
  readonly share: number
  readonly deleted: number
  /** What the format stores, without its first byte and its CRC. */
  readonly chosen: 'gaps' | 'bitmap'
  readonly gaps_bytes: number
  readonly bitmap_bytes: number
  readonly deflated_bitmap_bytes: number
  readonly deflated_gaps_bytes: number
  readonly runs_bytes: number
  /** What the best code for independent deletions of this share needs: log2 of N over n, in bytes. */
  readonly bound_bytes: number
  readonly decode_ms: number
}

await runBench(USAGE, { passages: '1000000', run: '32' }, async (options) => {
  const passages = integerOption('passages', options.passages, { min: 1000, max: 2 ** 28 })
  const run = integerOption('run', options.run, { min: 2, max: 1000 })
  const started = await startRecord('tombstones')
  const random = seededRandom(1)
  const points = SHARES.flatMap((share) => [
    measure('random', share, randomPids(passages, share, random), passages),
    measure('clustered', share, clusteredPids(passages, { share, run, random }), passages),
  ])
  process.stdout.write(`${table(points)}\n`)
  await writeResult('tombstones', started, {
    parameters: { passages, clustered_run_mean: run, seed: 1 },
    samples: { decode: ROUNDS, warm_up: ROUNDS, of: 'one decoding of the chosen encoding, median' },
    units: { '*_bytes': 'bytes', '*_ms': 'milliseconds', share: 'of all passages' },
    metrics: points,
  })
})

/** Each passage by itself. */
function randomPids(passages: number, share: number, random: Random): Uint32Array {
  const limit = share * 2 ** 32
  return Uint32Array.from({ length: passages }, (_, pid) => pid).filter(() => random() < limit)
}

/** Runs of neighbours of geometric length, as the passages of a page that changed are. */
function clusteredPids(
  passages: number,
  { share, run, random }: { readonly share: number; readonly run: number; readonly random: Random },
): Uint32Array {
  const ends = 2 ** 32 / run
  const starts = (ends * share) / (1 - share)
  let isDeleted = random() < share * 2 ** 32
  return Uint32Array.from({ length: passages }, (_, pid) => pid).filter(() => {
    if (random() < (isDeleted ? ends : starts)) isDeleted = !isDeleted
    return isDeleted
  })
}

function measure(deletions: string, share: number, pids: Uint32Array, passages: number): Point {
  const bytes = encodeTombstones(pids, passages)
  const bitmap = bitmapOf(pids, passages)
  const gaps = Uint8Array.from(gapsOf(pids).flatMap(leb128))
  if (gaps.length !== ascendingBytes(pids)) throw new Error('gaps have another length than the format gives them')
  return {
    ...{ deletions, share, deleted: pids.length, chosen: bytes[0] === 0 ? 'gaps' : 'bitmap' },
    gaps_bytes: gaps.length,
    bitmap_bytes: bitmap.length,
    deflated_bitmap_bytes: deflateRawSync(bitmap).length,
    deflated_gaps_bytes: deflateRawSync(gaps).length,
    runs_bytes: runsOf(pids).flatMap(leb128).length,
    bound_bytes: Math.round(boundBits(pids.length, passages) / 8),
    decode_ms: medianMs(() => decodeTombstones(bytes, passages)),
  }
}

function gapsOf(pids: Uint32Array): number[] {
  return Array.from(pids, (pid, i) => pid - (pids[i - 1] ?? -1) - 1)
}

/** Passages kept, then deleted, then kept …; each but the first is at least 1, so one less is written. */
function runsOf(pids: Uint32Array): number[] {
  const runs: number[] = []
  let end = 0
  for (const pid of pids) {
    if (pid === end && runs.length > 0) runs[runs.length - 1]!++
    else runs.push(Math.max(0, pid - end - (runs.length > 0 ? 1 : 0)), 0)
    end = pid + 1
  }
  return runs
}

function leb128(value: number): number[] {
  const bytes: number[] = []
  let left = value
  for (; left > 127; left >>>= 7) bytes.push((left & 127) | 128)
  return [...bytes, left]
}

function bitmapOf(pids: Uint32Array, passages: number): Uint8Array {
  const bitmap = new Uint8Array(Math.ceil(passages / 8))
  for (const pid of pids) bitmap[pid >>> 3]! |= 1 << (pid & 7)
  return bitmap
}

/** log2 of the number of ways to choose, by its entropy: Stirling's formula without its small terms. */
function boundBits(count: number, passages: number): number {
  const share = count / passages
  const bits = (part: number) => (part === 0 ? 0 : -part * Math.log2(part))
  return passages * (bits(share) + bits(1 - share))
}

function medianMs(work: () => unknown): number {
  for (let round = 0; round < ROUNDS; round++) work()
  const times = Array.from({ length: ROUNDS }, () => {
    const start = performance.now()
    work()
    return performance.now() - start
  })
  return Number(times.toSorted((a, b) => a - b)[ROUNDS >> 1]!.toFixed(3))
}

function table(points: readonly Point[]): string {
  return textTable([
    ['deletions', 'share', 'gaps', 'bitmap', 'deflated bitmap', 'deflated gaps', 'runs', 'bound', 'chosen', 'ms'],
    ...points.map((point) => [
      ...[point.deletions, `${point.share * 100} %`, point.gaps_bytes, point.bitmap_bytes].map(String),
      ...[point.deflated_bitmap_bytes, point.deflated_gaps_bytes, point.runs_bytes, point.bound_bytes].map(String),
      ...[point.chosen, String(point.decode_ms)],
    ]),
  ])
}
