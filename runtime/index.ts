/** The runtime: open an index and search it, anywhere JavaScript runs. Readers and host entries are in subfolders. */
export {
  MEMORY_MAX_DEFAULT,
  type OpenedIndex,
  type OpenIndexFilesOptions,
  openIndexFiles,
  type Pipeline,
} from './openIndexFiles.ts'
export { type OpenOptions, openSearcher, type ResidentSearcher } from './openSearcher.ts'
export { type OpenRangeOptions, openRangeSearcher, type RangeOptions, RangeSearcher } from './rangeSearcher.ts'
export { memoryFiles, memoryReader } from './readers/memory.ts'
export * from './searcher.ts'
