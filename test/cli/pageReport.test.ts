/** What a build says of the words of HTML pages that it left out, and of what else it did not read, or not as it is. */
import { expect, it } from 'vitest'
import { leftOutLines } from '../../cli/corpusReport.ts'
import { PageWordCount, pageLines } from '../../cli/pageReport.ts'

it('adds up why words were left out, and names the pages with the largest share', () => {
  const count = new PageWordCount()
  count.add('a.html', { visible: 100, leftOut: { navigation: 10, repeated: 0 } })
  count.add('b.html', { visible: 100, leftOut: { navigation: 80, repeated: 10 } })
  count.add('few.html', { visible: 4, leftOut: { navigation: 3, repeated: 0 } })
  for (let i = 0; i < 9; i++) count.add(`${i}.html`, { visible: 100, leftOut: { navigation: i, repeated: 0 } })
  expect(count.report()).toEqual({
    pages: 12,
    visible: 1104,
    leftOut: { navigation: 129, repeated: 10 },
    worst: [
      { file: 'b.html', visible: 100, leftOut: 90 },
      { file: 'a.html', visible: 100, leftOut: 10 },
      ...[8, 7, 6].map((i) => ({ file: `${i}.html`, visible: 100, leftOut: i })),
    ],
  })
  expect(pageLines(count.report())).toBe(
    '12 HTML pages: of 1,104 words that a reader sees, 139 are no text of their page and left out (129 navigation, 10 repeated)\n' +
      'Most of them from b.html (90 of 100), a.html (10 of 100), 8.html (8 of 100)\n',
  )
})

it('says nothing where nothing was left out, or no HTML page was read', () => {
  const count = new PageWordCount()
  expect(count.report()).toBeUndefined()
  expect(pageLines(undefined)).toBe('')
  count.add('a.html', { visible: 50, leftOut: { navigation: 0 } })
  expect(pageLines(count.report())).toBe('')
})

it('tells what was left out apart from what was read otherwise', () => {
  expect(leftOutLines([])).toBe('')
  expect(
    leftOutLines([
      { kind: 'file', file: 'a.pdf', reason: 'no page' },
      { kind: 'part', file: 'b.html', line: 1, reason: 'decoded as windows-1252' },
    ]),
  ).toBe(
    '\nLeft out 1 of the corpus:\n  a.pdf  no page\n\nRead, but to be known (1):\n  b.html:1  decoded as windows-1252\n',
  )
})
