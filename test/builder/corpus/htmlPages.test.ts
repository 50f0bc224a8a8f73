/** Pages written after those of the generators that people use; the expected passages beside them were written by hand. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { HtmlSite } from '../../../builder/corpus/pages/html/site.ts'
import { pagePassages } from '../../../builder/corpus/pages/page.ts'
import { estimateTokens } from '../../../builder/corpus/split.ts'
import { ROOT } from '../../../lab/root.ts'

const GOLDEN = join(ROOT, 'test', 'golden', 'pages')
const generators = readdirSync(GOLDEN, { withFileTypes: true }).filter((entry) => entry.isDirectory())
const site = await HtmlSite.survey([], async () => undefined)

function passagesOf(folder: string) {
  const { page } = site.read('page.html', readFileSync(join(GOLDEN, folder, 'page.html')))
  if (!page) throw new Error('expected a page')
  const split = { tokensMax: 180, countTokens: estimateTokens }
  return [...pagePassages(page, 'page.html', split)].map(({ passage }) => passage)
}

describe('a page of', () => {
  it.each(generators.map(({ name }) => name))('%s gives what a reader sees, and no more', (name) => {
    const expected: unknown = JSON.parse(readFileSync(join(GOLDEN, name, 'expected.json'), 'utf8'))
    expect(passagesOf(name).map(({ id, title, text }) => ({ id, title, text }))).toEqual(expected)
  })
  it.each(generators.map(({ name }) => name))('%s is led to by anchors that it has', (name) => {
    const html = readFileSync(join(GOLDEN, name, 'page.html'), 'utf8')
    const anchors = passagesOf(name).flatMap(({ metadata }) => (metadata?.anchor ? [String(metadata.anchor)] : []))
    expect(anchors.filter((anchor) => !html.includes(`id="${anchor}"`) && !html.includes(`name="${anchor}"`))).toEqual(
      [],
    )
  })
})
