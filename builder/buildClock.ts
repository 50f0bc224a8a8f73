/**
 * How far a whole build is: which of its stages runs, and about how long all that is left will take. Every stage has its work, counted
 * from the size of the corpus (tokens, centroids, dims); what a piece of work takes here is measured while the build runs.
 */
import type { OnProgress, ProgressEvent, Stage } from './progress.ts'
import { centroidCount, heldoutTokenCount, samplePassageCount } from './segment/sampling.ts'

/** What a build will do. */
export interface BuildPlan {
  /** Texts are read and encoded; otherwise vectors are there. */
  readonly encodes: boolean
  readonly orders: boolean
  readonly tunes: boolean
  readonly dim: number
}

export interface BuildSize {
  readonly passages: number
  readonly tokens: number
}

export interface BuildClock {
  readonly onProgress: OnProgress
  /** Wall time by stage. */
  readonly seconds: Partial<Record<Stage, number>>
  /** The size is known for certain. */
  expect(size: BuildSize): void
}

type Work = Readonly<Record<Stage, number>>

/** What people see as one stage, in the order that builds take. */
const STEPS: readonly (readonly Stage[])[] = [
  ['read'],
  ['encode'],
  ['order'],
  ['sample', 'kmeans'],
  ['codec', 'code', 'invert'],
  ['write', 'verify'],
  ['queries', 'exact'],
  ['tune'],
]
const STAGES = STEPS.flat()

/** Less measured time than this says nothing about the rest. */
const MEASURED_SECONDS_MIN = 2
/** An estimate only falls, but for one that turns out this many times too small: then it is time to say so. */
const JUMP = 2

/**
 * Work of each stage in seconds of the machine that the factors come from (builds of SciFact on one core); only their proportions
 * matter, since the machine at hand is measured.
 */
export function buildWork({ passages, tokens }: BuildSize, { dim }: Pick<BuildPlan, 'dim'>): Work {
  const sampledPassages = samplePassageCount(passages)
  const sampledTokens = Math.max(1, (tokens / Math.max(1, passages)) * sampledPassages)
  const heldout = heldoutTokenCount(sampledTokens)
  const trainingTokens = Math.max(1, sampledTokens - heldout)
  const centroids = centroidCount({ passages, sampledPassages, sampledTokens, trainingTokens })
  /** Comparing so many vectors with all centroids. */
  const assigning = (vectors: number) => vectors * centroids * dim * SECONDS.product
  return {
    read: 0,
    encode: tokens * SECONDS.encodedToken,
    order: passages * SECONDS.orderedPassage,
    sample: 0,
    kmeans: KMEANS_ITERATIONS * (assigning(trainingTokens) + trainingTokens * SECONDS.summedToken),
    codec: assigning(heldout || trainingTokens) + assigning(centroids) + centroids * SECONDS.orderedCentroid,
    code: assigning(tokens) + tokens * SECONDS.codedToken,
    invert: tokens * SECONDS.invertedToken,
    write: passages * SECONDS.writtenPassage,
    verify: tokens * SECONDS.verifiedToken,
    queries: QUERIES * QUERY_ROWS * SECONDS.encodedToken,
    exact: 2 * tokens * QUERIES * QUERY_ROWS * dim * SECONDS.product,
    tune: SECONDS.tuning + tokens * SECONDS.tunedToken,
  }
}

const KMEANS_ITERATIONS = 4
const QUERIES = 64
const QUERY_ROWS = 32
const SECONDS = {
  encodedToken: 320e-6,
  product: 25e-12,
  summedToken: 1e-6,
  orderedPassage: 1e-3,
  orderedCentroid: 100e-6,
  codedToken: 5e-6,
  invertedToken: 1e-6,
  writtenPassage: 0.2e-3,
  verifiedToken: 1e-6,
  tunedToken: 20e-6,
  tuning: 1,
}

/** Adds to every event where it stands in the build. */
export function createBuildClock(
  plan: BuildPlan,
  onProgress: OnProgress | undefined,
  now: () => number = () => performance.now(),
): BuildClock {
  const steps = STEPS.filter((stages) => stages.some((stage) => isPlanned(stage, plan)))
  const seconds: Partial<Record<Stage, number>> = {}
  let last = now()
  let size: BuildSize | undefined
  let isCertain = false
  let shown: number | undefined
  return {
    seconds,
    expect(certain) {
      size = certain
      isCertain = true
    },
    onProgress(event) {
      const time = now()
      seconds[event.stage] = (seconds[event.stage] ?? 0) + (time - last) / 1000
      last = time
      if (!isCertain) size = guessedSize(event) ?? size
      const left = size && secondsLeft(event, seconds, plan, buildWork(size, plan))
      if (left !== undefined) shown = shown === undefined || left > shown * JUMP ? left : Math.min(shown, left)
      const step = steps.findIndex((stages) => stages.includes(event.stage)) + 1
      onProgress?.({
        ...event,
        overall: { step, steps: steps.length, ...(shown === undefined ? {} : { secondsLeft: shown }) },
      })
    },
  }
}

function isPlanned(stage: Stage, { encodes, orders, tunes }: BuildPlan): boolean {
  if (stage === 'read' || stage === 'encode') return encodes
  if (stage === 'order') return orders
  return tunes || !['queries', 'exact', 'tune'].includes(stage)
}

/** While passages are encoded, their tokens are guessed from those that were read so far. */
function guessedSize({ stage, total, work }: ProgressEvent): BuildSize | undefined {
  return stage === 'encode' && total && work ? { passages: total, tokens: work.total } : undefined
}

function secondsLeft(
  { stage, done, total, work: counted }: ProgressEvent,
  seconds: Partial<Record<Stage, number>>,
  plan: BuildPlan,
  work: Work,
): number | undefined {
  const at = STAGES.indexOf(stage)
  const planned = STAGES.filter((each) => isPlanned(each, plan))
  const before = planned.filter((each) => STAGES.indexOf(each) < at)
  const after = planned.filter((each) => STAGES.indexOf(each) > at)
  const spent = seconds[stage] ?? 0
  const share = counted?.total ? counted.done / counted.total : total ? done / total : undefined
  const sum = (stages: readonly Stage[], of: Partial<Work>) => stages.reduce((all, each) => all + (of[each] ?? 0), 0)

  // Seconds here for a second of work: from all that has been done, reading aside, whose work nobody counted.
  const measured = sum(before, seconds) - (seconds.read ?? 0) + (share === undefined || stage === 'read' ? 0 : spent)
  const worked = sum(before, work) + (share === undefined ? 0 : work[stage] * share)
  if (measured < MEASURED_SECONDS_MIN || worked <= 0) return undefined
  const pace = measured / worked
  const expected = work[stage] * pace
  if (share === undefined) return Math.max(0, expected - spent) + sum(after, work) * pace
  // The further a stage is, the more its own pace counts for what is left of it.
  const own = share > 0 ? spent / share : expected
  const trust = Math.min(1, 4 * share)
  return (own * trust + expected * (1 - trust)) * (1 - share) + sum(after, work) * pace
}
