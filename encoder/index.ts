/** Public API of encoder/: texts to token vectors by ColBERT's conventions, over a session that the host brings. */
export {
  type Conventions,
  createInputWriter,
  type EncoderBatch,
  type EncoderInput,
  type InputWriter,
  keptSpans,
  PUNCTUATION_SKIP_LIST,
  padBatch,
} from './conventions.ts'
export type { EncodedText, Encoder, EncoderFingerprint, EncoderSession, QueryEncoder, TextSpan } from './encoder.ts'
export { assertEncoderOfIndex, assertSameEncoder, type EncodedIndex, encoderOfIndex } from './fingerprint.ts'
export { encoderSession, type GraphSession, type NamedTensor, type TensorData } from './graphSession.ts'
export { fingerprintOf, loadModelManifest, type ModelFile, type ModelManifest, modelFileOf } from './modelManifest.ts'
export { createTextEncoder, type TextEncoderOptions } from './textEncoder.ts'
export { createTokenizer, type SpecialTokens, type TokenizedText, type Tokenizer } from './tokenizer.ts'
