/** Queries a second of one thread and of pools of growing size, on the same index and queries. Usage and keys: bench/README.md. */
import { availableParallelism } from 'node:os'
import { K_MAX } from '../../format/limits.ts'
import { openIndex } from '../../runtime/platform/node/nodeIndex.ts'
import { openPool } from '../../runtime/platform/node/threads/nodePool.ts'
import type { OpenedIndex } from '../../runtime/searchers/indexSearcher.ts'
import { cachedIndex } from '../harness/cachedIndex.ts'
import {
  integer,
  integers,
  labelOf,
  oneNbits,
  progress,
  REQUIRED_FOLDER,
  runBench,
  textTable,
} from '../harness/commandLine.ts'
import { factsOf, openJudgedVectors } from '../harness/judgedVectors.ts'
import { startRecord, writeResult } from '../harness/record.ts'
import { median, significant } from '../harness/samples.ts'

const USAGE =
  'npm run -s bench:throughput -- --vectors FOLDER [--nbits 4] [--k 10] [--workers 1,2] [--rounds 7] [--label NAME]'

interface Arm {
  readonly name: string
  readonly workers: number
  readonly searcher: OpenedIndex
  readonly seconds: number[]
}

const EACH_COUNT = Array.from({ length: availableParallelism() }, (_, i) => i + 1).join(',')
const OPTIONS = {
  ...{ vectors: REQUIRED_FOLDER, nbits: oneNbits(4), k: integer(10, K_MAX) },
  ...{ workers: integers(EACH_COUNT, 256), rounds: integer(7, 100), label: '' },
}

await runBench(USAGE, OPTIONS, async ({ vectors: folder, nbits, k, workers: counts, rounds, ...options }) => {
  const label = labelOf(folder, options.label)
  const vectors = await openJudgedVectors(folder)
  const { queries } = vectors
  const started = await startRecord('throughput')
  const { path } = await cachedIndex(vectors, { nbits, label })
  const arms: Arm[] = [{ name: 'searchMany, one thread', workers: 0, searcher: await openIndex(path), seconds: [] }]
  for (const workers of counts) {
    arms.push({ name: `pool of ${workers}`, workers, searcher: await openPool(path, { workers }), seconds: [] })
  }
  for (const { searcher } of arms) await searcher.searchMany(queries, { k })
  for (let round = 0; round < rounds; round++) {
    for (const { name, searcher, seconds } of arms) {
      const from = performance.now()
      await searcher.searchMany(queries, { k })
      seconds.push((performance.now() - from) / 1000)
      progress(`round ${round + 1}/${rounds}: ${name}: ${(queries.length / seconds.at(-1)!).toFixed(0)} queries/s`)
    }
  }
  const perSecond = ({ seconds }: Arm) => significant(queries.length / median(seconds))
  const points = arms.map((arm) => ({
    name: arm.name,
    workers: arm.workers,
    queries_per_second: perSecond(arm),
    queries_per_second_rounds: arm.seconds.map((seconds) => significant(queries.length / seconds)),
    ratio: significant(perSecond(arm) / perSecond(arms[0]!)),
    wasm_mb: significant(arm.searcher.memoryBytes / 1e6),
  }))
  await writeResult(`throughput-${label}-${nbits}bit`, started, {
    parameters: { ...factsOf(label, vectors), nbits, k },
    samples: { queries: queries.length, rounds, warm_up: 'all queries once; then the arms take turns' },
    units: { queries_per_second: 'median of the rounds', ratio: 'to one thread', wasm_mb: '10^6 bytes' },
    metrics: { points },
  })
  process.stdout.write(
    `${textTable([
      ['', 'queries/s', 'ratio', 'WASM MB'],
      ...points.map((point) => [
        point.name,
        point.queries_per_second.toFixed(0),
        point.ratio.toFixed(2),
        point.wasm_mb.toFixed(0),
      ]),
    ])}\n`,
  )
  for (const { searcher } of arms) await searcher.close()
  await vectors.store.close()
})
