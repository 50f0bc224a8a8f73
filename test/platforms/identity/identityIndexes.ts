/** Indexes and queries of the identity test: the golden ones, and a larger one of seeded random content. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { readIndex } from '../../../format/indexReader.ts'
import { encodePack } from '../../../format/pack.ts'
import type { IndexFiles } from '../../../format/rangeReader.ts'
import { memoryFiles } from '../../../runtime/readers/memory.ts'
import { seededBytes, tinyIndex } from '../../format/tinyIndex.ts'

/** One file of an index that may be many. */
async function packOf(files: IndexFiles): Promise<Uint8Array> {
  const reader = await readIndex(files)
  const pieces: Uint8Array[] = []
  for await (const piece of encodePack(files, reader.manifest)) pieces.push(piece)
  await reader.close()
  return Buffer.concat(pieces)
}

/** 1,500 passages of 48 dims at 4 bits, 300 centroids. */
export async function largeIndexPack(): Promise<Uint8Array> {
  const next = seededBytes(77)
  const lengths = Array.from({ length: 1500 }, () => next() % 40)
  const { files } = await tinyIndex({ lengths, dim: 48, nbits: 4, centroids: 300, seed: 78 })
  return packOf(memoryFiles('large', files))
}

/** Name → pack. */
export async function identityPacks(): Promise<ReadonlyMap<string, Uint8Array>> {
  const golden = fileURLToPath(new URL('../../golden/index', import.meta.url))
  const packs = new Map<string, Uint8Array>()
  for (const name of ['nbits1', 'nbits2', 'nbits4']) {
    const names = await readdir(join(golden, name))
    const files = await Promise.all(
      names.map(async (file) => [file, await readFile(join(golden, name, file))] as const),
    )
    packs.set(name, await packOf(memoryFiles(name, new Map(files))))
  }
  packs.set('large', await largeIndexPack())
  return packs
}
