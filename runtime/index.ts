/** The runtime: open an index and search it, anywhere JavaScript runs. Readers and host entries are in subfolders. */
export {
  type Mark,
  type MarkSources,
  type PassageMarks,
  passageFit,
  passageMarks,
  type QueryMatch,
} from './ask/marks.ts'
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
export type { OpenedIndex } from './searchers/indexSearcher.ts'
export {
  MEMORY_MAX_DEFAULT,
  type OpenIndexFilesOptions,
  type OpenOptions,
  openIndexFiles,
  openSearcher,
} from './searchers/openIndexFiles.ts'
export type { PipelineName } from './searchers/pipeline.ts'
export type { RangeOptions } from './searchers/rangePipeline.ts'
export { createOpenOnce, type OpenOnce, type OpenOnceOptions } from './waiting/openOnce.ts'
