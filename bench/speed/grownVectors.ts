/**
 * Vectors folders of growing size from a real one: its first passages, and perturbed copies of them. A copy's row is the
 * row plus seeded Gaussian noise, of unit length again. Kept in the benches' cache.
 */
import { mkdir, readFile, rename, rm } from 'node:fs/promises'
import { createVectorStore } from '../../builder/stores/vectorStoreWriter.ts'
import { readVectorsQrels, writeVectorsQrels } from '../../builder/stores/vectorsFolder.ts'
import { cachePath, progress } from '../harness/commandLine.ts'
import type { JudgedVectors } from '../harness/judgedVectors.ts'

export interface Growth {
  /** Passages taken, from the first on. */
  readonly base: number
  /** Copies of them, the unchanged one included. */
  readonly factor: number
  /** Expected length of the noise added to a row of length 1. */
  readonly noise: number
  readonly seed: number
}

/** @returns the folder */
export async function grownVectors(source: JudgedVectors, growth: Growth): Promise<string> {
  const { base, factor, noise, seed } = growth
  const key = `${source.hash.slice(0, 12)}-${base}x${factor}-noise${noise}-seed${seed}`
  const folder = cachePath('growth', key)
  if (await readFile(`${folder}/meta.json`).catch(() => undefined)) return folder
  progress(`making ${base} x ${factor} passages`)
  const unfinished = `${folder}.unfinished`
  await rm(unfinished, { recursive: true, force: true })
  await mkdir(unfinished, { recursive: true })
  const { store } = source
  const { dim, passageLengths } = store
  const writer = await createVectorStore(unfinished, dim)
  const gaussian = gaussianFrom(seed)
  const rows = new Float32Array(Math.max(1, ...passageLengths) * dim)
  const ids: string[] = []
  for (let copy = 0; copy < factor; copy++) {
    let first = 0
    for (let pid = 0; pid < base; pid++) {
      const length = passageLengths[pid]!
      await store.readRows(first, length, rows)
      if (copy > 0) perturb(rows, length, dim, { deviation: noise / Math.sqrt(dim), gaussian })
      await writer.append(rows, length)
      ids.push(copy === 0 ? store.ids[pid]! : `${store.ids[pid]!}#${copy}`)
      first += length
    }
  }
  await writer.finish(ids, await store.readQueries())
  await writeVectorsQrels(unfinished, await readVectorsQrels(source.folder))
  await rename(unfinished, folder)
  return folder
}

interface Noise {
  readonly deviation: number
  readonly gaussian: () => number
}

function perturb(rows: Float32Array, length: number, dim: number, { deviation, gaussian }: Noise): void {
  for (let row = 0; row < length; row++) {
    const vector = rows.subarray(row * dim, (row + 1) * dim)
    let squares = 0
    for (let at = 0; at < dim; at++) {
      vector[at]! += deviation * gaussian()
      squares += vector[at]! ** 2
    }
    const scale = 1 / Math.sqrt(squares)
    for (let at = 0; at < dim; at++) vector[at]! *= scale
  }
}

/** Standard normal numbers: xorshift32 and Box and Muller's transform. */
function gaussianFrom(seed: number): () => number {
  let state = seed | 0 || 1
  const uniform = () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return ((state >>> 0) + 0.5) / 2 ** 32
  }
  let spare: number | undefined
  return () => {
    if (spare !== undefined) {
      const value = spare
      spare = undefined
      return value
    }
    const radius = Math.sqrt(-2 * Math.log(uniform()))
    const angle = 2 * Math.PI * uniform()
    spare = radius * Math.sin(angle)
    return radius * Math.cos(angle)
  }
}
