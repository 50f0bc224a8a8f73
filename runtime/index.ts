/** The runtime: open an index and search it, anywhere JavaScript runs. Readers and host entries are in subfolders. */
export { type Mark, type MarkSources, type PassageMarks, passageMarks } from './ask/marks.ts'
export { newestOnly } from './ask/newestOnly.ts'
export { type EncoderSource, type OpenTextSearchOptions, openTextSearch } from './ask/openTextSearch.ts'
export {
  type AnswerHit,
  type AskOptions,
  type AskTimes,
  createTextSearch,
  type Passage,
  type Question,
  type QuestionEncoder,
  type TextAnswer,
  type TextSearch,
  type TextSearchOptions,
} from './ask/textSearch.ts'
export { createLazyEncoder, type LazyEncoder, type LazyEncoderOptions } from './encoders/lazyEncoder.ts'
export {
  createRemoteEncoder,
  openRemoteEncoder,
  type RemoteEncoder,
  type RemoteEncoderOptions,
} from './encoders/remoteEncoder.ts'
export { memoryFiles, memoryReader } from './readers/memory.ts'
export * from './searcher.ts'
export {
  MEMORY_MAX_DEFAULT,
  type OpenedIndex,
  type OpenIndexFilesOptions,
  openIndexFiles,
  type Pipeline,
} from './searchers/openIndexFiles.ts'
export {
  type OpenRangeOptions,
  openRangeSearcher,
  type RangeOptions,
  RangeSearcher,
} from './searchers/rangeSearcher.ts'
export { type OpenOptions, openSearcher, type ResidentSearcher } from './searchers/residentSearcher.ts'
export { createOpenOnce, type OpenOnce, type OpenOnceOptions } from './waiting/openOnce.ts'
