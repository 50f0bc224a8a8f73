import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FormatError, InputError } from '../../../format/errors.ts'
import { compareBytes, encodeIds, IdTable } from '../../../format/items/ids.ts'
import { refusedOr } from './damage.ts'

const someIds = fc.uniqueArray(fc.string({ unit: 'binary', minLength: 1, maxLength: 8 }), { minLength: 1 })

describe('ids', () => {
  it('are found both ways, and absent ones are not', () => {
    fc.assert(
      fc.property(someIds, (list) => {
        const { idOffsets, ids: bytes, idOrder } = encodeIds(list)
        const table = new IdTable(idOffsets, bytes, idOrder)
        for (const [pid, id] of list.entries()) {
          expect(table.idOf(pid)).toBe(id)
          expect(table.pidOf(id)).toBe(pid)
          expect(table.pidOf(`${id}${list.join('')}`)).toBeUndefined()
        }
        const sorted = list.map((id) => Buffer.from(id)).sort(Buffer.compare)
        expect(Array.from(idOrder, (pid) => Buffer.from(list[pid]!))).toEqual(sorted)
      }),
    )
  })

  it.each([[''], ['x'.repeat(1025)], ['é'.repeat(513)]])('are not stored when empty or too long: %s', (id) => {
    expect(() => encodeIds([id])).toThrow(InputError)
  })

  it('are refused or sound, whatever the sections', () => {
    const words = fc.array(fc.nat(12), { minLength: 1, maxLength: 6 })
    fc.assert(
      fc.property(words, fc.uint8Array({ maxLength: 12 }), words, (offsets, bytes, order) => {
        const numbers = [Uint32Array.from(offsets), Uint32Array.from(order)] as const
        const table = refusedOr(() => new IdTable(numbers[0], bytes, numbers[1]))
        for (let pid = 0; pid < (table?.size ?? 0); pid++) expect(offsets[pid + 1]).toBeGreaterThan(offsets[pid]!)
      }),
      { numRuns: 500 },
    )
  })

  it.each([
    ['ids that do not fill the section', [0, 1, 2], [0, 1], 3],
    ['an empty id', [0, 0, 2], [0, 1], 2],
    ['a start after 0', [1, 2], [0], 2],
    ['two equal ids', [0, 1, 2], [0, 1], 2],
    ['a pid twice in the order', [0, 1, 3], [1, 1], 3],
    ['a pid that is no passage', [0, 1, 3], [0, 2], 3],
  ])('are refused with %s', (_, offsets, order, bytes) => {
    const ids = new Uint8Array(bytes).fill(97)
    expect(() => new IdTable(Uint32Array.from(offsets), ids, Uint32Array.from(order))).toThrow(FormatError)
  })

  it('are ordered as unsigned bytes, a prefix first', () => {
    const texts = ['b', 'a', 'ab', 'é', 'a\u{10000}', '\u{ffff}']
    const bytes = texts.map((text) => new TextEncoder().encode(text))
    expect(bytes.toSorted(compareBytes).map(String)).toEqual(bytes.toSorted(Buffer.compare).map(String))
  })
})
