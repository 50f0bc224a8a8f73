/** Public face of the HTTP app, `tartan-search/http`. */

export { Admission, type AdmissionOptions } from '../waiting/admission.ts'
export { type App, type AppOptions, createApp, type LogEntry } from './app.ts'
export { createHandler, type Handler, type HandlerOptions } from './handler.ts'
export type { RequestLimits } from './load/limits.ts'
export { type Problem, statusOfCode } from './problem.ts'
export type {
  ColbertAnswer,
  IndexAnswer,
  IndexesAnswer,
  SearchAnswerBody,
  SearchHitBody,
  SearchRequest,
} from './schemas.ts'
