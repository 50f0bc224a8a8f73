/** SPEC.md is normative: its limits, section names and worked example must be the code's. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { encodePart } from '../../format/container/container.ts'
import * as limitsModule from '../../format/limits.ts'
import { SECTION_NAMES } from '../../format/manifest/manifest.ts'

const spec = readFileSync(new URL('../../format/SPEC.md', import.meta.url), 'utf8')
const limits = new Map(Object.entries(limitsModule))
const chapter = (title: string) => spec.split(/^## /m).find((text) => text.startsWith(title)) ?? ''

describe('SPEC.md', () => {
  it('lists limits with the values of limits.ts', () => {
    const rows = [...chapter('8. Limits').matchAll(/^\|\s*`(\w+)`\s*\|\s*(\d+)\s*\|$/gm)]
    expect(rows.length).toBeGreaterThan(10)
    for (const [, name, value] of rows) {
      expect(limits.get(name ?? ''), name).toBe(Number(value))
    }
  })

  it('lists exactly the sections that the code knows', () => {
    const [table] = chapter('5. Sections').split('### 5.1')
    const names = [...(table ?? '').matchAll(/^\|\s*`(\w+)`/gm)].map(([, name]) => name)
    expect([...names].sort()).toEqual([...SECTION_NAMES].sort())
  })

  it('shows the bytes that the code writes for its worked example', () => {
    const { bytes } = encodePart([{ name: 'ids', payload: new TextEncoder().encode('abc') }])
    const shown = [...chapter('9. Worked example').matchAll(/^[0-9a-f]{4} {2}((?:[0-9a-f]{2} ?)+)/gm)]
      .flatMap(([, row]) => (row ?? '').trim().split(' '))
      .map((hex) => Number.parseInt(hex, 16))
    expect(shown).toEqual([...bytes])
  })

  it('states the version of limits.ts', () => {
    expect(spec).toContain(`version ${limits.get('FORMAT_VERSION_MAJOR')}.${limits.get('FORMAT_VERSION_MINOR')}`)
  })
})
