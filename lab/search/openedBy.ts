/** Searchers over files by one pipeline, whatever memory it takes: for tests and benches that compare the two. */
import type { IndexFiles } from '../../format/rangeReader.ts'
import type { OpenedIndex } from '../../runtime/searchers/indexSearcher.ts'
import { type OpenIndexFilesOptions, openIndexFiles } from '../../runtime/searchers/openIndexFiles.ts'
import { RANGE_DEFAULTS } from '../../runtime/searchers/rangePipeline.ts'

/** As the range pipeline is by itself: a Worker's memory would leave it a cache. */
export function openByRange(files: IndexFiles, options: OpenIndexFilesOptions): Promise<OpenedIndex> {
  const { cacheBytes, queriesBytesMax } = RANGE_DEFAULTS
  return openIndexFiles(files, { cacheBytes, queriesBytesMax, memoryMax: 1e12, ...options, pipeline: 'range' })
}
