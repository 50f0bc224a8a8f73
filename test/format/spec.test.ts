/** SPEC.md is normative: its limits, section names and worked example must be the code's. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { encodePart } from '../../format/container/container.ts'
import * as limitsModule from '../../format/limits.ts'
import { FEATURES } from '../../format/manifest/features.ts'
import { sectionNames, sectionRow } from '../../format/manifest/sections.ts'

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

  it('lists exactly the sections that the code knows, with owner, need and use', () => {
    const [table] = chapter('5. Sections').split('### 5.1')
    const rows = [...(table ?? '').matchAll(/^\| *`(\w+)` *\| *(\w+) *\| *(\w+) *\| *(\w+) *\| *(\w+) *\|/gm)]
    const told = Object.fromEntries(rows.map(([, name, ...facts]) => [name, facts]))
    const known = sectionNames().map((name) => {
      const { owner, isOptional, resident, range } = sectionRow(name)
      return [name, [owner, isOptional ? 'yes' : 'no', resident, range]] as const
    })
    expect(told).toEqual(Object.fromEntries(known))
    expect(rows).toHaveLength(known.length)
  })

  it('lists exactly the entries of `requires` that the code knows', () => {
    const [, table] = chapter('4. Manifest').split('### 4.6')
    const names = [...(table ?? '').matchAll(/^\| *`(\w+)`/gm)].map(([, name]) => name)
    expect(names).toEqual([...FEATURES])
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
