/** Several vectors folders of one model as a single store. */
import { openVectorStore, type VectorStore } from '../../builder/stores/vectorStore.ts'
import { InputError } from '../../format/errors.ts'

/** Ids of the first folder stay as they are; those of others get their place before them, so that no two are equal. */
export function joinedId(folder: number, id: string): string {
  return folder === 0 ? id : `${folder}:${id}`
}

export async function openJoinedStore(folders: readonly string[]): Promise<Omit<VectorStore, 'readQueries'>> {
  const stores = await Promise.all(folders.map((folder) => openVectorStore(folder)))
  const [first] = stores
  if (!first || stores.some(({ dim }) => dim !== first.dim)) throw new InputError('expected folders of one dim.')
  const starts = [0]
  for (const { tokens } of stores) starts.push(starts.at(-1)! + tokens)
  return {
    dim: first.dim,
    tokens: starts.at(-1)!,
    ids: stores.flatMap(({ ids }, at) => ids.map((id) => joinedId(at, id))),
    passageLengths: Uint16Array.from(stores.flatMap(({ passageLengths }) => [...passageLengths])),
    async readRows(from, rows, target) {
      for (const [at, store] of stores.entries()) {
        const start = Math.max(from, starts[at]!)
        const end = Math.min(from + rows, starts[at + 1]!)
        if (start >= end) continue
        await store.readRows(start - starts[at]!, end - start, target.subarray((start - from) * first.dim))
      }
    },
    close: async () => {
      await Promise.all(stores.map((store) => store.close()))
    },
  }
}
