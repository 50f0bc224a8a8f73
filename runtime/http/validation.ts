/** Turns what a schema refused into one InputError that names each wrong field, what was expected and what came. */
import type { Context } from 'hono'
import type { ZodError } from 'zod'
import { charactersOf } from '../../encoder/limits.ts'
import { InputError } from '../../format/errors.ts'

type Issue = ZodError['issues'][number]

const ISSUES_SHOWN_MAX = 5
const VALUE_CHARACTERS_MAX = 60

interface Checked {
  readonly target: string
  readonly success: boolean
  readonly data?: unknown
  readonly error?: ZodError
}

/** Hook of `OpenAPIHono`. @throws InputError when the schema refused the request */
export function refuseInvalid(result: Checked, _c: Context): void {
  if (result.success || !result.error) return
  const { issues } = result.error
  const told = issues.slice(0, ISSUES_SHOWN_MAX).map((issue) => describeIssue(issue, result.target, result.data))
  if (issues.length > told.length) told.push(`${issues.length - told.length} more`)
  throw new InputError(`The request is not valid: ${told.join('; ')}. See openapi.json for what is accepted.`)
}

function describeIssue(issue: Issue, target: string, data: unknown): string {
  const place = target === 'json' ? 'field' : 'parameter'
  if (issue.code === 'unrecognized_keys') {
    return `unknown ${place} ${issue.keys.map((key) => shown(key)).join(', ')}`
  }
  if (issue.path.length === 0) return issue.code === 'invalid_type' ? 'expected a JSON object' : issue.message
  const path = issue.path.map((step, i) => (typeof step === 'number' ? `[${step}]` : `${i ? '.' : ''}${String(step)}`))
  return `${place} "${path.join('')}": ${issue.message}, got ${describeValue(valueAt(data, issue.path), issue)}`
}

function valueAt(data: unknown, path: readonly PropertyKey[]): unknown {
  let value = data
  for (const step of path) value = isObject(value) && Object.hasOwn(value, step) ? value[step] : undefined
  return value
}

function describeValue(value: unknown, issue: Issue): string {
  if (value === undefined) return 'nothing'
  if (issue.code === 'too_big' && typeof value === 'string') return `${charactersOf(value)} characters`
  if (issue.code === 'too_big' && Array.isArray(value)) return `${value.length}`
  if (Array.isArray(value)) return `a list of ${value.length}`
  return isObject(value) ? 'an object' : typeof value === 'number' ? String(value) : shown(value)
}

function shown(value: unknown): string {
  const text = JSON.stringify(value)
  return text.length > VALUE_CHARACTERS_MAX ? `${text.slice(0, VALUE_CHARACTERS_MAX)}…` : text
}

function isObject(value: unknown): value is Record<PropertyKey, unknown> {
  return typeof value === 'object' && value !== null
}
