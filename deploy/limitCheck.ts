/** Whether an index keeps the limits that a host documents for files and script. */
import type { Manifest } from '../format/manifest/manifest.ts'
import { WHOLE_FILES_MAX_DEFAULT } from '../runtime/readers/remote.ts'
import type { HostFacts } from './hosts.ts'
import type { FittingMemory } from './memoryChoice.ts'

/** What of the limits that a host documents is passed, and the lowest plan that passes none. */
export function checkLimits(
  facts: HostFacts,
  manifest: Manifest,
  scriptBytes = 0,
): {
  readonly problems: readonly string[]
  readonly notes: readonly string[]
  /** Absent where the limits are the same for everybody. */
  readonly plan?: 'free' | 'paid'
} {
  const problems: string[] = []
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

/**
 * Bytes that whole parts may take beside the index, on their way or kept to answer further ranges from (readers/wholeFiles.ts). What the engine
 * has for itself is more than a file here may be.
 */
export function wholeFilesMax(facts: HostFacts, memory: FittingMemory): number {
  return Math.floor(Math.min(WHOLE_FILES_MAX_DEFAULT, Math.max(0, roomBeside(facts, memory))))
}

/** What is read by range fills its memory with what it keeps. */
function roomBeside({ reservedMb }: HostFacts, { pipeline, needed, memoryMax }: FittingMemory): number {
  return memoryMax + reservedMb * 1e6 - (pipeline === 'range' ? memoryMax : needed)
}

function mib(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`
}
