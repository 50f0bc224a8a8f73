/** Whether an index keeps the limits that a host documents for files and script. */
import { READS_AT_ONCE } from '../format/indexReader.ts'
import type { Manifest } from '../format/manifest/manifest.ts'
import { RANGE_DEFAULTS } from '../runtime/searchers/rangePipeline.ts'
import type { HostFacts } from './hosts.ts'
import type { MemoryChoice } from './memoryChoice.ts'
import { partsOpened } from './reads.ts'

/** What of the limits that a host documents is passed, and the lowest plan that passes none. */
export function checkLimits(
  facts: HostFacts,
  manifest: Manifest,
  memory: MemoryChoice,
  scriptBytes = 0,
): {
  readonly problems: readonly string[]
  readonly notes: readonly string[]
  /** Absent where the limits are the same for everybody. */
  readonly plan?: 'free' | 'paid'
} {
  const problems = wholeFilesProblems(facts, manifest, memory)
  const notes: string[] = []
  const { fileBytesMax = Number.POSITIVE_INFINITY } = facts
  const parts = manifest.parts.map(({ bytes }) => bytes)
  const largest = Math.max(0, ...parts)
  if (largest > fileBytesMax) {
    problems.push(
      `its largest part has ${mib(largest)}, a file here at most ${mib(fileBytesMax)}. Build it again with --part-size 24MiB (the default).`,
    )
  }
  let needsPaid = false
  const against = (limit: HostFacts['filesMax'], value: number, noun: string, cure: string) => {
    if (!limit) return
    const [got, free, paid] = [value, limit.free, limit.paid].map((number) => number.toLocaleString('en-US'))
    if (value > limit.paid) problems.push(`${got} ${noun}, of which ${paid} are allowed at most. ${cure}`)
    else if (value > limit.free) {
      needsPaid = true
      notes.push(`${got} ${noun}: the free plan allows ${free}, the paid one ${paid}.`)
    }
  }
  against(facts.filesMax, parts.length + 1, 'files', 'Build it again with a larger --part-size.')
  against(facts.scriptBytesMax, scriptBytes, 'bytes of script, gzipped', 'Leave --encoder out.')
  const hasPlans = facts.filesMax ?? facts.scriptBytesMax
  return { problems, notes, ...(hasPlans ? { plan: needsPaid ? 'paid' : 'free' } : {}) }
}

/** Whole parts that are under way lie in memory beside the index. Reads of one part bring it as often as there are reads. */
function wholeFilesProblems({ wholeFiles, reservedMb }: HostFacts, manifest: Manifest, memory: MemoryChoice): string[] {
  if (!wholeFiles || !memory.pipeline) return []
  const largestFirst = (bytes: readonly number[]) => bytes.toSorted((a, b) => b - a)
  const sizes = manifest.parts.map(({ bytes }) => bytes)
  const opening = largestFirst(partsOpened(manifest, memory.pipeline).map((part) => sizes[part] ?? 0))
  const asking = memory.pipeline === 'range' ? largestFirst(sizes).slice(0, RANGE_DEFAULTS.concurrency) : []
  const underWay = Math.max(sum(opening.slice(0, READS_AT_ONCE)), sum(asking))
  if (memory.needed + underWay <= memory.memoryMax + reservedMb * 1e6) return []
  return [
    `each read brings a whole part of up to ${mib(Math.max(...sizes))}, ${READS_AT_ONCE} at a time: with the index that is more than the ${memory.hostMb} MB there are can take. Build it again with --part-size 1MiB.`,
  ]
}

function mib(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
