/** One generation of an index as the range pipeline holds it: the small tables of its segments, and a reader for the rest. */
import type { IndexReader } from '../../../format/indexReader.ts'
import type { Kernels } from '../../kernels/kernels.ts'
import { RangePassages } from '../../passages/rangePassages.ts'
import { LeastRecentlyUsed } from '../../readers/leastRecentlyUsed.ts'
import { openRangeSegment, type RangeSegment } from './rangeSegment.ts'
import { ScoreTable } from './scoreLists.ts'

export interface RangeIndex {
  readonly reader: IndexReader
  /** Its own memory: an index that is replaced is given back whole. */
  readonly kernels: Kernels
  readonly segments: readonly RangeSegment[]
  /** Ids and texts, segment by segment. */
  readonly passages: readonly RangePassages[]
  readonly cache: LeastRecentlyUsed
  /** Scratch of the query that scores its lists just now. */
  readonly scores: ScoreTable
  /** One past the last pid, which is where a newer generation starts to count: no pid ever means two passages. */
  readonly endPid: number
}

/**
 * @param reader - closed when opening fails
 * @throws FormatError and its kin, StorageError, InputError (memory)
 */
export async function openRangeIndex(
  reader: IndexReader,
  kernels: Kernels,
  options: { readonly cacheBytes: number; readonly firstPid?: number },
): Promise<RangeIndex> {
  try {
    const segments: RangeSegment[] = []
    const passages: RangePassages[] = []
    let firstPid = options.firstPid ?? 0
    for (const entry of reader.manifest.segments) {
      const [segment, own] = await Promise.all([
        openRangeSegment(reader, entry, kernels, firstPid),
        RangePassages.open(reader, entry),
        reader.openParts(entry, ['postings', 'rows']),
      ])
      segments.push(segment)
      passages.push(own)
      firstPid += entry.passages
    }
    const [cache, scores] = [new LeastRecentlyUsed(options.cacheBytes), new ScoreTable()]
    return { reader, kernels, segments, passages, cache, scores, endPid: firstPid }
  } catch (error) {
    await reader.close()
    throw error
  }
}
