/** What the commands print: times of progress lines, as people read them. */
import { afterEach, describe, expect, it, vi } from 'vitest'
import { createProgress, formatAbout } from '../../cli/terminal.ts'

afterEach(() => vi.restoreAllMocks())

describe('an estimate', () => {
  it.each([
    [0, 'a few seconds'],
    [9.9, 'a few seconds'],
    [34, 'about 30 s'],
    [94, 'about 90 s'],
    [100, 'about 2 min'],
    [250, 'about 4 min'],
    [5_390, 'about 1.5 h'],
    [36_000, 'about 10 h'],
  ])('of %i seconds is "%s"', (seconds, text) => {
    expect(formatAbout(seconds)).toBe(text)
  })
})

describe('a line of progress', () => {
  function lines(...events: Parameters<ReturnType<typeof createProgress>['onProgress']>[0][]): string {
    let printed = ''
    vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
      printed += text
      return true
    })
    const { onProgress, stop } = createProgress()
    for (const event of events) onProgress(event)
    stop()
    return printed
  }

  it('of a build says which stage of how many it is, and what is left in all', () => {
    const overall = { step: 3, steps: 7, secondsLeft: 240 }
    expect(
      lines(
        { stage: 'kmeans', done: 0, total: 8, unit: 'tokens', overall },
        { stage: 'kmeans', done: 8, total: 8, unit: 'tokens', overall },
      ),
    ).toMatch(/^stage 3 of 7 · Clustering \(k-means\): 8\/8 tokens.* · about 4 min left in all\n$/)
  })

  it('of a command with one stage says only how far that is', () => {
    expect(lines({ stage: 'verify', done: 2, total: 2, unit: 'files' })).toBe('Verifying: 2/2 files\n')
  })
})
