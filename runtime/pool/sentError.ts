/** Errors on their way between threads: classes do not survive it; code, message and facts do. */
import { type ErrorDetail, InputError, NotFoundError, TartanError, type TartanErrorCode } from '../../format/errors.ts'

export interface SentError {
  readonly code?: TartanErrorCode
  readonly message: string
  readonly detail?: ErrorDetail
}

export function sentError(error: unknown): SentError {
  const facts = error instanceof TartanError ? { code: error.code, detail: error.detail } : {}
  return { ...facts, message: error instanceof Error ? error.message : String(error) }
}

/** The error that was sent, of its family again. */
export function receivedError({ code, message, detail }: SentError): Error {
  if (code === 'INPUT') return new InputError(message, detail)
  if (code === 'NOT_FOUND') return new NotFoundError(message, detail)
  return code ? new TartanError(code, message, detail) : new Error(message)
}
