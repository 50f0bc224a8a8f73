/** What every storage promises (format/rangeReader.ts), whatever it is. */
import { describe, expect, it } from 'vitest'
import type { IndexFiles } from '../../format/rangeReader.ts'

/** More than what opening a remote file reads along, and no multiple of anything. */
export const contractBytes = Uint8Array.from({ length: 200_003 }, (_, i) => (i * 7 + (i >> 8)) % 251)

/** @param filesWith - a storage that holds these files, by name */
export function readerContract(
  name: string,
  filesWith: (files: ReadonlyMap<string, Uint8Array>) => Promise<IndexFiles>,
): void {
  describe(`${name} keeps the contract of readers`, () => {
    const part = `${'0123456789abcdef'.repeat(2)}.msgpack`
    const open = async (bytes = contractBytes, size?: number) =>
      (await filesWith(new Map([[part, bytes]]))).open(part, size)

    const { length } = contractBytes
    it.each([
      [0, 0],
      [0, 1],
      [0, length],
      [length - 1, 1],
      [length, 0],
      [65_535, 2],
      [100_000, 50_000],
      [12_345, 1],
    ])('reads %i + %i bytes exactly', async (offset, count) => {
      for (const size of [undefined, length]) {
        const reader = await open(contractBytes, size)
        expect(reader.size).toBe(length)
        expect(Buffer.compare(await reader.read(offset, count), contractBytes.slice(offset, offset + count))).toBe(0)
        await reader.close?.()
      }
    })

    it.each([
      [-1, 1],
      [0, length + 1],
      [length, 1],
      [0.5, 1],
      [0, Number.NaN],
    ])('refuses the range %d + %d', async (offset, count) => {
      const reader = await open()
      await expect(reader.read(offset, count)).rejects.toMatchObject({ code: 'RANGE' })
      await reader.close?.()
    })

    it('gives arrays that the caller may keep and change', async () => {
      const reader = await open()
      const first = await reader.read(10, 100)
      first.fill(0)
      expect(Buffer.compare(await reader.read(10, 100), contractBytes.slice(10, 110))).toBe(0)
      await reader.close?.()
    })

    it('reads many ranges at a time', async () => {
      const reader = await open()
      const offsets = Array.from({ length: 20 }, (_, i) => i * 9000)
      const read = await Promise.all(offsets.map((offset) => reader.read(offset, 5000)))
      for (const [i, bytes] of read.entries()) {
        expect(Buffer.compare(bytes, contractBytes.slice(offsets[i]!, offsets[i]! + 5000))).toBe(0)
      }
      await reader.close?.()
    })

    it('says that a file is not there', async () => {
      const files = await filesWith(new Map([[part, contractBytes]]))
      const reading = async () => (await files.open(`${'f'.repeat(32)}.msgpack`)).read(0, 1)
      await expect(reading()).rejects.toMatchObject({ code: 'NOT_FOUND' })
    })
  })
}
