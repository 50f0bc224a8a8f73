/** Builds one index in a process of its own: wall time, CPU time and peak memory are the build's alone. */
import { type BuildReport, buildFromVectors } from '../../builder/buildIndex.ts'
import { openVectorStore } from '../../builder/stores/vectorStore.ts'
import { readVectorsEncoder } from '../../builder/stores/vectorsFolder.ts'
import type { Nbits } from '../../format/manifest/segment.ts'
import { answerParent, peakRssMb } from './freshProcess.ts'

export interface BuildTask {
  readonly folder: string
  readonly out: string
  readonly name: string
  readonly nbits: Nbits
  /** `undefined`: all cores. */
  readonly threads?: number
  /** Whether tiers are measured; a search without parameters then uses them. Default false: Stanford's defaults. */
  readonly tune?: boolean
}

export interface BuildCost {
  readonly report: BuildReport
  readonly seconds: number
  /** User and system, all threads. */
  readonly cpuSeconds: number
  readonly peakRssMb: number
}

answerParent<BuildTask, BuildCost>(async ({ folder, out, name, nbits, threads, tune = false }) => {
  const vectors = await openVectorStore(folder)
  const encoder = await readVectorsEncoder(folder)
  const cpuBefore = process.cpuUsage()
  const started = performance.now()
  const report = await buildFromVectors(vectors, encoder, { out, name, nbits, threads, tune, replace: true })
  const seconds = (performance.now() - started) / 1000
  const { user, system } = process.cpuUsage(cpuBefore)
  await vectors.close()
  return { report, seconds, cpuSeconds: (user + system) / 1e6, peakRssMb: peakRssMb() }
})
