/** Indexes of the peers in the work folder: built once for vectors, engine version and bits, with what building cost. */
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { progress } from '../../harness/commandLine.ts'
import type { ProgramResult } from '../program.ts'
import type { IndexCost, PeerContext } from './engine.ts'

/** Resident set as the peers' harness tells it, kB of 1,024 bytes. */
export interface PeerMemory {
  readonly peak_rss_kb: number
}

/** The line that the peers' builds print. */
interface BuildLine {
  readonly build_s: number
  readonly after: PeerMemory
}

export interface PeerIndex {
  readonly path: string
  readonly cost: IndexCost
}

/** @param build - makes the index at a path; its output ends with the harness's line of JSON */
export async function peerIndex(
  { vectors, label, work }: PeerContext,
  name: string,
  build: (path: string) => Promise<ProgramResult>,
): Promise<PeerIndex> {
  const path = join(work, 'indexes', `${label}-${name}-${vectors.passagesHash.slice(0, 12)}`)
  const costPath = `${path}.json`
  const cached = await readFile(costPath, 'utf8').catch(() => undefined)
  if (cached) return { path, cost: JSON.parse(cached) as IndexCost }
  progress(`building ${name} of ${label}, cached afterwards in ${path}`)
  await rm(path, { recursive: true, force: true })
  await mkdir(join(work, 'indexes'), { recursive: true })
  const { stdout, cpuSeconds } = await build(path)
  const line = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as BuildLine
  const cost: IndexCost = {
    bytes: await folderBytes(path),
    buildS: line.build_s,
    buildCpuS: cpuSeconds,
    buildPeakRssMb: megabytes(line.after),
    built: new Date().toISOString(),
  }
  // Written last: an index without its cost is built again.
  await writeFile(costPath, JSON.stringify(cost, undefined, 2))
  return { path, cost }
}

export function megabytes({ peak_rss_kb: kilobytes }: PeerMemory): number {
  return (kilobytes * 1024) / 1e6
}

async function folderBytes(folder: string): Promise<number> {
  let bytes = 0
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) bytes += (await stat(join(entry.parentPath, entry.name))).size
  }
  return bytes
}
