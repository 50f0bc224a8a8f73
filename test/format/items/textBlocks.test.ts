import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ChecksumError, FormatError } from '../../../format/errors.ts'
import {
  decodeTextBlock,
  decodeTextBlockEntries,
  encodeTextBlockEntry,
  type TextBlock,
  TextBlockEncoder,
  TextDirectory,
  type TextRecord,
} from '../../../format/items/textBlocks.ts'
import { cuts, flips, refusedOr } from './damage.ts'

async function blocksOf(records: readonly TextRecord[]): Promise<readonly TextBlock[]> {
  const encoder = new TextBlockEncoder()
  const blocks: (TextBlock | undefined)[] = []
  for (const record of records) blocks.push(await encoder.add(record))
  blocks.push(await encoder.end())
  return blocks.filter((block) => block !== undefined)
}

const directoryOf = (blocks: readonly TextBlock[]) =>
  new Uint8Array(Buffer.concat(blocks.map(({ entry }) => encodeTextBlockEntry(entry))))

describe('text blocks', () => {
  it('give back each record from the block that the directory names', async () => {
    const record = fc.record(
      {
        title: fc.string({ maxLength: 20 }),
        // Long ones fill a block of 64 KiB after a few.
        text: fc.tuple(fc.string({ unit: 'binary', maxLength: 9 }), fc.nat(2500)).map(([text, n]) => text.repeat(n)),
        metadata: fc.dictionary(fc.string({ minLength: 1, maxLength: 4 }), fc.nat(), {
          maxKeys: 3,
          noNullPrototype: true,
        }),
      },
      { requiredKeys: ['title', 'text'] },
    )
    await fc.assert(
      fc.asyncProperty(fc.array(record, { minLength: 1, maxLength: 20 }), async (records) => {
        const wanted = records.filter(({ metadata }) => metadata === undefined || !Object.hasOwn(metadata, '__proto__'))
        const blocks = await blocksOf(wanted)
        const texts = Buffer.concat(blocks.map(({ bytes }) => bytes))
        const entries = decodeTextBlockEntries(directoryOf(blocks), wanted.length, texts.length)
        const directory = new TextDirectory(entries)
        expect(directory.size).toBe(blocks.length)
        for (const [pid, expected] of wanted.entries()) {
          const block = directory.blockOf(pid)
          const entry = directory.entry(block)
          const offset = directory.offset(block)
          const decoded = await decodeTextBlock(texts.subarray(offset, offset + entry.compressedBytes), entry)
          expect(decoded[pid - directory.firstPid(block)]).toEqual(expected)
        }
      }),
      { numRuns: 8 },
    )
  })

  it('are refused when cut at any byte or changed in any byte', async () => {
    const [block] = await blocksOf([{ title: 'a', text: 'some text' }])
    const { bytes, entry } = block!
    for (const damaged of [...cuts(bytes), ...flips(bytes, 1)]) {
      await expect(decodeTextBlock(damaged, entry)).rejects.toThrow(ChecksumError)
    }
    await expect(decodeTextBlock(bytes, { ...entry, rawBytes: entry.rawBytes - 1 })).rejects.toThrow(FormatError)
    await expect(decodeTextBlock(bytes, { ...entry, rawBytes: entry.rawBytes + 1 })).rejects.toThrow(FormatError)
    await expect(decodeTextBlock(bytes, { ...entry, passages: 2 })).rejects.toThrow(FormatError)
  })

  it('have a directory that covers all passages and all bytes, or none that is read', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.nat(300), fc.nat(300), (bytes, passages, length) => {
        const entries = refusedOr(() => decodeTextBlockEntries(bytes, passages, length))
        const sum = (entries ?? []).reduce((total, entry) => total + entry.passages, 0)
        expect(sum).toBe(entries ? passages : 0)
      }),
      { numRuns: 300 },
    )
    expect(() => new TextDirectory([]).entry(0)).toThrow(FormatError)
  })
})
