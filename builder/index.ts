/** Public face of the builder, `tartan-search/builder`: corpora and models to indexes, on Node. */

export { type ModelOptions, openModel } from '../runtime/platform/node/encoderNode.ts'
export { availableDevices, type Device } from '../runtime/platform/node/onnxNode.ts'
export { type BuildOptions, type BuildReport, buildFromCorpus, buildFromVectors } from './buildIndex.ts'
export { type CorpusOptions, readCorpus, type SkippedEntry } from './corpus/corpus.ts'
export type { CorpusFormat } from './corpus/formats.ts'
export type { CorpusPassage } from './corpus/passage.ts'
export type { OnProgress, Overall, ProgressEvent, Stage } from './progress.ts'
export type { Leftover, OnLeftover } from './publish/leftovers.ts'
export { openVectorStore, type VectorStore } from './stores/vectorStore.ts'
export { readVectorsEncoder } from './stores/vectorsFolder.ts'
export { type TuneIndexOptions, type TuneReport, tuneIndex } from './tune/tuneIndex.ts'
