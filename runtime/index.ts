/** The runtime: open an index and search it, anywhere JavaScript runs. Readers and host entries are in subfolders. */
export { createLazyEncoder, type LazyEncoder, type LazyEncoderOptions } from './lazyEncoder.ts'
export {
  MEMORY_MAX_DEFAULT,
  type OpenedIndex,
  type OpenIndexFilesOptions,
  openIndexFiles,
  type Pipeline,
} from './openIndexFiles.ts'
export { createOpenOnce, type OpenOnce, type OpenOnceOptions } from './openOnce.ts'
export { type OpenOptions, openSearcher, type ResidentSearcher } from './openSearcher.ts'
export { type OpenRangeOptions, openRangeSearcher, type RangeOptions, RangeSearcher } from './rangeSearcher.ts'
export { memoryFiles, memoryReader } from './readers/memory.ts'
export {
  createRemoteEncoder,
  openRemoteEncoder,
  type RemoteEncoder,
  type RemoteEncoderOptions,
} from './remoteEncoder.ts'
export * from './searcher.ts'
