/** Indexes of the benches: built once for a content, a builder and options, with what building cost, into .cache/bench. */
import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import type { Nbits } from '../../format/manifest/segment.ts'
import type { BuildCost, BuildTask } from './buildChild.ts'
import { cachePath, progress, rootPath } from './commandLine.ts'
import { runFresh } from './freshProcess.ts'
import type { JudgedVectors } from './judgedVectors.ts'

export interface CachedIndex extends BuildCost {
  readonly path: string
  /** Cores the build could use. */
  readonly cores: number
  /** When it was built: the cost was measured then. */
  readonly built: string
}

/** What an index's bytes and its cost depend on, besides its input. */
const BUILDER_SOURCES = [
  'builder/buildIndex.ts',
  'builder/segment',
  'builder/stores',
  'runtime/platform/node/onnxNode.ts',
  'builder/tune',
  'format',
  'onnx',
  'package-lock.json',
]

export interface CachedIndexOptions {
  readonly nbits: Nbits
  readonly threads?: number
  readonly label: string
  /** Whether tiers are measured and stored, as `tartan build` does. Default true; without, searches go by Stanford's defaults. */
  readonly tune?: boolean
}

/** The index from the cache, or built and cached. */
export async function cachedIndex(vectors: JudgedVectors, options: CachedIndexOptions): Promise<CachedIndex> {
  const { nbits, threads, label, tune = true } = options
  const builder = await hashSources(BUILDER_SOURCES)
  const key = createHash('sha256').update(
    `${vectors.passagesHash} ${builder} ${nbits} ${threads ?? 'all'}${tune ? '' : ' untuned'}`,
  )
  const path = cachePath('indexes', `${label}-${nbits}bit-${key.digest('hex').slice(0, 16)}.tartan`)
  const costPath = `${path}.json`
  const cached = await readFile(costPath, 'utf8').catch(() => undefined)
  if (cached) return { ...(JSON.parse(cached) as CachedIndex), path }
  progress(`building ${label} at ${nbits} bits, cached afterwards`)
  await mkdir(cachePath('indexes'), { recursive: true })
  const task: BuildTask = { folder: vectors.folder, out: path, name: label, nbits, threads, tune }
  const cost = await runFresh<BuildCost>(new URL('buildChild.ts', import.meta.url), task)
  const index = { path, ...cost, cores: availableParallelism(), built: new Date().toISOString() }
  // Written last: an index without its cost is built again.
  await writeFile(costPath, JSON.stringify(index, undefined, 2))
  return index
}

async function hashSources(paths: readonly string[]): Promise<string> {
  const hash = createHash('sha256')
  for (const path of paths) {
    const entries = /\.\w+$/.test(path)
      ? [path]
      : (await readdir(rootPath(path), { recursive: true }))
          .filter((name) => name.endsWith('.ts'))
          .map((name) => join(path, name))
    for (const entry of entries.sort()) hash.update(`${entry}\n`).update(await readFile(rootPath(entry)))
  }
  return hash.digest('hex')
}
