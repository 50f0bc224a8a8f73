/**
 * What a cold query costs when an index is read by range: bytes, reads and rounds of storage, beside the quality of its answers and
 * that of the resident pipeline on the same index. Prints one JSON line. Usage and the meaning of each key: bench/README.md.
 */

import { NCELLS_MAX } from '../../format/limits.ts'
import { openByRange } from '../../lab/search/openedBy.ts'
import { type CountingFiles, countingFiles, type ReadCount } from '../../lab/storage/countingFiles.ts'
import { filesAtPath } from '../../runtime/platform/node/nodeFiles.ts'
import { openIndex } from '../../runtime/platform/node/nodeIndex.ts'
import { compileKernels } from '../../runtime/platform/node/nodeKernels.ts'
import type { RangeParameters, Searcher, SearchHit, SearchOptions } from '../../runtime/searcher.ts'
import { cachedIndex } from '../harness/cachedIndex.ts'
import {
  integer,
  labelOf,
  oneNbits,
  optionalInteger,
  progress,
  REQUIRED_FOLDER,
  runBench,
} from '../harness/commandLine.ts'
import { EXACT_DEPTH, type ExactRankings, exactRankings } from '../harness/exactSearch.ts'
import { factsOf, type JudgedVectors, openJudgedVectors } from '../harness/judgedVectors.ts'
import { startRecord, writeResult } from '../harness/record.ts'
import { median, percentile, significant } from '../harness/samples.ts'
import { exactQuality, type Quality, qualityOf, searchAll } from '../harness/searchRun.ts'

const USAGE =
  'npm run -s bench:range -- --vectors FOLDER [--nbits 2] [--k 10] [--lists N] [--passages N] [--curve] [--queries N] [--index PATH] [--label NAME]\nWith --index, overlap is with the resident pipeline at its most thorough on that index, not with exact search on vectors.'

const CURVE_LISTS = [1, 2, 4, 8]
const CURVE_PASSAGES = [16, 24, 32, 40]
/** Where what is not found is lost: with the lists of a default query and more passages rescored, then with nearly all lists as well. */
const BREAKDOWN: readonly SearchOptions[] = [
  ...[32, 64, 128, 256].map((passages) => ({ passages })),
  ...[32, 64].map((passages) => ({ lists: 16, passages })),
]
/** As many as a query may make: reads of one round are then under way together, and rounds can be told apart. */
const READS_MAX = 64

/** 64 cells a row, and every passage that has one of the best 16,384 approximate scores. */
const THOROUGH: SearchOptions = { k: EXACT_DEPTH, ncells: 64, centroidScoreThreshold: -1, ndocs: 65_536 }

const UNITS = {
  'bytes_*': 'bytes read for a query, the whole ranges',
  'reads_*': 'byte ranges read for a query',
  rounds_max: 'reads that waited for an earlier read, plus one',
  'ndcg@10, overlap@10': 'share, 0 to 1',
}

interface RangePoint extends Quality, RangeParameters {
  readonly name: string
  readonly bytes_median: number
  readonly bytes_p95: number
  readonly reads_median: number
  readonly reads_p95: number
  readonly rounds_max: number
  readonly skipped_share: number
}

await runBench(
  USAGE,
  {
    ...{ vectors: REQUIRED_FOLDER, nbits: oneNbits(2), k: integer(10, 100), label: '', index: '' },
    ...{
      lists: optionalInteger(NCELLS_MAX),
      passages: optionalInteger(1024),
      queries: optionalInteger(),
      curve: false,
    },
  } as const,
  async ({ vectors: folder, nbits, k, lists, passages, queries: limit, ...options }) => {
    const label = labelOf(folder, options.label)
    const given: SearchOptions = { ...(lists && { lists }), ...(passages && { passages }) }
    const started = await startRecord('range')
    const vectors = await openJudgedVectors(folder, limit)
    const path = options.index || (await cachedIndex(vectors, { nbits, label: labelOf(folder, '') })).path
    const thorough = options.index !== ''
    const { indexed, ...measured } = await measure(vectors, path, { k, given, curve: options.curve, thorough })
    const standard = measured.points[0]!
    const custom = Object.keys(given).length > 0 ? '-custom' : ''
    await writeResult(`range-${label}-${nbits}bit${k === 10 ? '' : `-k${k}`}${custom}`, started, {
      parameters: {
        ...{ ...factsOf(label, vectors), ...indexed },
        ...{ nbits, k, lists: standard.lists, passages_rescored: standard.passages },
        cache: 'none: every query is cold',
        index: options.index ? labelOf(options.index, '') : 'built from the vectors',
      },
      samples: { queries: vectors.queries.length },
      units: UNITS,
      metrics: measured,
    })
    process.stdout.write(`${JSON.stringify(measured.line)}\n`)
    await vectors.store.close()
  },
)

interface Setting {
  readonly k: number
  readonly given: SearchOptions
  readonly curve: boolean
  /** Compare with the resident pipeline at its most thorough: of a given index there need not be vectors. */
  readonly thorough: boolean
}

async function measure(vectors: JudgedVectors, path: string, { k, given, curve, thorough }: Setting) {
  const resident = await openIndex(path)
  const exact = thorough ? await thoroughRankings(resident, vectors) : await exactRankings(vectors)
  const residentQuality = qualityOf(vectors, (await searchAll(resident, vectors.queries, { k })).hits, exact)
  await resident.close()
  const files = countingFiles(await filesAtPath(path))
  const searcher = await openByRange(files, {
    kernels: await compileKernels(),
    concurrency: READS_MAX,
    budget: { reads: READS_MAX },
  })
  const opening = files.take()
  const { passages, tokens } = searcher.info
  const points: RangePoint[] = []
  const settings = [
    { name: 'default', options: given },
    ...(curve
      ? CURVE_LISTS.flatMap((lists) =>
          CURVE_PASSAGES.map((passages) => ({ name: 'grid', options: { lists, passages } })),
        )
      : []),
  ]
  for (const { name, options } of settings) {
    progress(`${name} ${JSON.stringify(options)}: ${vectors.queries.length} queries`)
    points.push({ name, ...(await measurePoint(searcher, files, vectors, exact, { ...options, k })) })
  }
  const { memoryBytes } = searcher
  await searcher.close()
  const breakdown = curve ? await measureBreakdown(path, vectors, exact, k) : []
  const { name: _, lists: __, passages: ___, 'recall@100': ____, skipped_share: _____, ...line } = points[0]!
  return {
    indexed: { passages, tokens },
    line: { ...line, 'resident_ndcg@10': residentQuality['ndcg@10'] },
    resident: residentQuality,
    ...(thorough ? {} : { exact: exactQuality(vectors, exact) }),
    compared_with: thorough ? `resident pipeline, ${JSON.stringify(THOROUGH)}` : 'exact float32 MaxSim on the vectors',
    opening,
    memory_bytes: memoryBytes,
    points,
    ...(breakdown.length > 0 ? { breakdown } : {}),
  }
}

/** Without limits on bytes and reads. */
async function measureBreakdown(path: string, vectors: JudgedVectors, exact: ExactRankings, k: number) {
  const files = countingFiles(await filesAtPath(path))
  const kernels = await compileKernels()
  const searcher = await openByRange(files, { kernels, concurrency: READS_MAX, budget: { reads: 1e6, bytes: 1e9 } })
  const points: RangePoint[] = []
  for (const options of BREAKDOWN) {
    progress(`without limits ${JSON.stringify(options)}`)
    files.take()
    points.push({ name: 'unlimited', ...(await measurePoint(searcher, files, vectors, exact, { ...options, k })) })
  }
  await searcher.close()
  return points
}

async function thoroughRankings(searcher: Searcher, { queries }: JudgedVectors): Promise<ExactRankings> {
  progress('the resident pipeline at its most thorough')
  const started = performance.now()
  const { hits } = await searchAll(searcher, queries, THOROUGH)
  return {
    ids: hits.map((found) => found.map(({ id }) => id)),
    scores: hits.map((found) => found.map(({ score }) => score)),
    seconds: (performance.now() - started) / 1000,
  }
}

async function measurePoint(
  searcher: Searcher,
  files: CountingFiles,
  vectors: JudgedVectors,
  exact: ExactRankings,
  options: SearchOptions,
): Promise<Omit<RangePoint, 'name'>> {
  const hits: (readonly SearchHit[])[] = []
  const counts: ReadCount[] = []
  let skipped = 0
  let used: RangeParameters = { lists: 0, passages: 0 }
  for (const query of vectors.queries) {
    const answer = await searcher.search(query, options)
    hits.push(answer.hits)
    counts.push(files.take())
    if (answer.parameters.pipeline === 'range') used = answer.parameters
    if (answer.skipped) skipped++
  }
  const of = (key: 'bytes' | 'reads') => counts.map((count) => count[key])
  return {
    lists: used.lists,
    passages: used.passages,
    bytes_median: median(of('bytes')),
    bytes_p95: percentile(of('bytes'), 0.95),
    reads_median: median(of('reads')),
    reads_p95: percentile(of('reads'), 0.95),
    rounds_max: Math.max(...counts.map(({ rounds }) => rounds)),
    ...qualityOf(vectors, hits, exact),
    skipped_share: significant(skipped / hits.length),
  }
}
