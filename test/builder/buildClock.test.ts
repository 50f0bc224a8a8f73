/** How far a build is, on builds that are acted out on a clock of the test's own. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type BuildPlan, buildWork, createBuildClock } from '../../builder/buildClock.ts'
import type { ProgressEvent, Stage } from '../../builder/progress.ts'

const SIZE = { passages: 5000, tokens: 1_000_000 }
const ALL: BuildPlan = { encodes: true, orders: false, tunes: true, dim: 96 }
const STAGES: readonly Stage[] = ['read', 'encode', 'sample', 'kmeans', 'codec', 'code', 'invert', 'write', 'verify', 'queries', 'exact', 'tune'] // biome-ignore format: a list in one line

interface Told {
  readonly event: ProgressEvent
  /** Seconds that were really left when it was told. */
  readonly truth: number
}

/** A build whose stages take so many seconds each, in ten events; `read` and `tune` do not know how much there is. */
function actOut(plan: BuildPlan, secondsOf: (stage: Stage) => number): readonly Told[] {
  const stages = STAGES.filter((stage) => plan.encodes || (stage !== 'read' && stage !== 'encode'))
  let time = 0
  let event: ProgressEvent | undefined
  const clock = createBuildClock(plan, (told) => { event = told }, () => time * 1000) // biome-ignore format: short
  const all = stages.reduce((sum, stage) => sum + secondsOf(stage), 0)
  const told: Told[] = []
  for (const stage of stages) {
    if (stage === 'sample') clock.expect(SIZE)
    for (let tenth = 1; tenth <= 10; tenth++) {
      time += secondsOf(stage) / 10
      const isOpen = stage === 'read' || stage === 'tune'
      const total = isOpen ? {} : { total: 10 }
      const work = stage === 'encode' ? { work: { done: SIZE.tokens * (tenth / 10), total: SIZE.tokens } } : {}
      const counted =
        stage === 'encode' ? { done: SIZE.passages * (tenth / 10), total: SIZE.passages } : { done: tenth, ...total }
      clock.onProgress({ stage, unit: 'things', ...counted, ...work })
      told.push({ event: event!, truth: all - time })
    }
  }
  return told
}

const leftOf = (told: readonly Told[]) => told.map(({ event }) => event.overall?.secondsLeft)
const asWorked = (plan: BuildPlan) => (stage: Stage) => buildWork(SIZE, plan)[stage]

describe('what is left of a build', () => {
  it('is right throughout where every stage takes what its work says, also on a machine that is three times as slow', () => {
    for (const { event, truth } of actOut(ALL, (stage) => 3 * asWorked(ALL)(stage))) {
      if (event.overall?.secondsLeft !== undefined) expect(event.overall.secondsLeft, event.stage).toBeCloseTo(truth, 6)
    }
  })

  it('counts the stages that are still to come, not the one that runs alone', () => {
    const told = actOut(ALL, asWorked(ALL))
    const lastOfEncoding = told.findLast(({ event }) => event.stage === 'encode')!
    const { kmeans, code } = buildWork(SIZE, ALL)
    expect(lastOfEncoding.event.overall!.secondsLeft).toBeGreaterThan(kmeans + code)
  })

  it('is told from the first tenth of the encoding on, and not before anything was measured', () => {
    const told = actOut(ALL, asWorked(ALL))
    expect(leftOf(told.filter(({ event }) => event.stage === 'read'))).toEqual(Array(10).fill(undefined))
    expect(leftOf(told.filter(({ event }) => event.stage === 'encode'))).not.toContain(undefined)
  })

  it('never grows little by little, whatever the stages really take: it falls, or says at once that it was less than half of the truth', () => {
    const stretch = fc.array(fc.double({ min: 0.2, max: 5, noNaN: true }), {
      minLength: STAGES.length,
      maxLength: STAGES.length,
    })
    fc.assert(
      fc.property(stretch, (factors) => {
        const told = actOut(ALL, (stage) => asWorked(ALL)(stage) * factors[STAGES.indexOf(stage)]!)
        const left = leftOf(told).filter((seconds) => seconds !== undefined)
        expect(left.every((seconds) => Number.isFinite(seconds) && seconds >= 0)).toBe(true)
        for (const [i, seconds] of left.entries()) {
          const before = left[i - 1] ?? Number.POSITIVE_INFINITY
          expect(seconds <= before || seconds > 2 * before).toBe(true)
        }
        expect(left.at(-1)).toBeLessThanOrEqual(left[0]!)
      }),
      { seed: 3, numRuns: 60 },
    )
  })
})

describe('the stages of a build', () => {
  const stepsOf = (plan: BuildPlan) => actOut(plan, asWorked(plan)).map(({ event }) => event.overall!)
  it.each([
    ['from texts', ALL, 7],
    ['from vectors', { ...ALL, encodes: false }, 5],
    ['that orders its passages', { ...ALL, orders: true }, 8],
  ])('are numbered from first to last in one %s', (_, plan, steps) => {
    const told = stepsOf(plan)
    expect(new Set(told.map((overall) => overall.steps))).toEqual(new Set([steps]))
    const numbers = told.map(({ step }) => step)
    expect([numbers[0], numbers.at(-1)]).toEqual([1, steps])
    expect(numbers).toEqual(numbers.toSorted((a, b) => a - b))
  })

  it('are fewer without tuning', () => {
    const overall: unknown[] = []
    createBuildClock({ ...ALL, tunes: false }, (event) => overall.push(event.overall)).onProgress({
      stage: 'verify',
      done: 1,
      total: 1,
      unit: 'files',
    })
    expect(overall).toEqual([{ step: 5, steps: 5 }])
  })
})

it('the seconds of a stage are those since the event before', () => {
  let time = 0
  const clock = createBuildClock(ALL, undefined, () => time)
  for (const [ms, stage] of [
    [500, 'read'],
    [2500, 'encode'],
    [3500, 'encode'],
  ] as const) {
    // biome-ignore format: short pairs
    time = ms
    clock.onProgress({ stage, done: 1, unit: 'passages' })
  }
  expect(clock.seconds).toEqual({ read: 0.5, encode: 3 })
})
