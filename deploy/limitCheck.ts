/** Whether an index keeps the limits that a host documents for files and script. */
import { READ_AHEAD } from '../format/indexReader.ts'
import type { Manifest } from '../format/manifest/manifest.ts'
import { RANGE_DEFAULTS } from '../runtime/searchers/rangeSearcher.ts'
import type { HostFacts } from './hosts.ts'
import type { ChosenMemory } from './memoryChoice.ts'

/** What of the limits that a host documents is passed, and the lowest plan that passes none. */
export function checkLimits(
  facts: HostFacts,
  manifest: Manifest,
  { scriptBytes = 0, ...memory }: ChosenMemory & { readonly scriptBytes?: number },
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

/** Whole parts that are under way lie in memory beside the index. */
function wholeFilesProblems({ wholeFiles, reservedMb }: HostFacts, manifest: Manifest, memory: ChosenMemory): string[] {
  if (!wholeFiles || memory.needed === undefined) return []
  const largest = Math.max(0, ...manifest.parts.map(({ bytes }) => bytes))
  const atATime = memory.pipeline === 'resident' ? READ_AHEAD : RANGE_DEFAULTS.concurrency
  const least = memory.needed + Math.min(manifest.parts.length, atATime) * largest
  if (least <= memory.memoryMax + reservedMb * 1e6) return []
  return [
    `each read brings a whole part of up to ${mib(largest)}, ${atATime} at a time: with the index that is more than the ${memory.hostMb} MB there are can take. Build it again with --part-size 1MiB.`,
  ]
}

function mib(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`
}
