/** The runtime: open an index and search it, anywhere JavaScript runs. Readers and host entries are in subfolders. */
export { type OpenOptions, openSearcher, type ResidentSearcher } from './openSearcher.ts'
export { memoryFiles, memoryReader } from './readers/memory.ts'
export * from './searcher.ts'
