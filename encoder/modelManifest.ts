/** `manifest.json` of a model folder: the model's conventions and its files with sizes and checksums. */
import { ModelError } from '../format/errors.ts'
import { DIM_MAX, DIM_MIN, DIM_MULTIPLE, PASSAGE_TOKENS_MAX, QUERY_ROWS_MAX } from '../format/limits.ts'
import type { EncoderFingerprint } from './encoder.ts'

/** A file of the model folder. */
export interface ModelFile {
  /** Plain name, no folder. */
  readonly file: string
  readonly bytes: number
  /** Lower-case hex. */
  readonly sha256: string
}

/** What a model folder states about itself. Its conventions are those of every precision. */
export interface ModelManifest extends Omit<EncoderFingerprint, 'modelSha256' | 'tokenizerSha256'> {
  /** SPDX expression. */
  readonly licence: string
  /** Most tokens of one text that the network has positions for. */
  readonly positionsMax: number
  readonly tokenizer: ModelFile
  /** ONNX files by precision, e.g. "int8" and "f16". */
  readonly files: Readonly<Record<string, ModelFile>>
  /** The precision taken on a CPU when none is asked for. */
  readonly defaultPrecision: string
  /** Names of the graph's inputs i64[batch][tokens] and of its output f32[batch][tokens][dim]. */
  readonly graph: { readonly inputIds: string; readonly attentionMask: string; readonly tokenVectors: string }
}

/** Version of manifest.json that this code reads. */
export const MODEL_MANIFEST_VERSION = 1

/** Shortest query and passage: [CLS], marker, one token, [SEP]. */
const LENGTH_MIN = 4
const SHA256 = /^[0-9a-f]{64}$/
const PLAIN_NAME = /^[A-Za-z0-9_][A-Za-z0-9._-]*$/

/**
 * @param json - text of a manifest.json, or what JSON.parse made of it
 * @throws ModelError naming the field that is missing, of a wrong type or out of range, or a version that is not known
 */
export function loadModelManifest(json: unknown): ModelManifest {
  const fields = objectOf(typeof json === 'string' ? parsed(json) : json, 'manifest')
  const version = integerOf(fields, 'version', { min: 1, max: Number.MAX_SAFE_INTEGER })
  if (version !== MODEL_MANIFEST_VERSION) {
    fail('version', `${MODEL_MANIFEST_VERSION}`, version, 'Update tartan-search, or take a model of this version.')
  }
  const positionsMax = integerOf(fields, 'positionsMax', { min: LENGTH_MIN, max: PASSAGE_TOKENS_MAX })
  const graph = objectOf(fields.graph, 'graph')
  const manifest: ModelManifest = {
    model: textOf(fields, 'model'),
    licence: textOf(fields, 'licence'),
    weightsSha256: sha256Of(fields, 'weightsSha256'),
    dim: integerOf(fields, 'dim', { min: DIM_MIN, max: DIM_MAX }),
    queryMarker: textOf(fields, 'queryMarker'),
    passageMarker: textOf(fields, 'passageMarker'),
    queryLength: integerOf(fields, 'queryLength', { min: LENGTH_MIN, max: Math.min(QUERY_ROWS_MAX, positionsMax) }),
    passageLength: integerOf(fields, 'passageLength', { min: LENGTH_MIN, max: positionsMax }),
    attendToMask: booleanOf(fields, 'attendToMask'),
    skipList: skipListOf(fields),
    positionsMax,
    tokenizer: fileOf(fields.tokenizer, 'tokenizer'),
    files: modelFilesOf(fields),
    defaultPrecision: textOf(fields, 'defaultPrecision'),
    graph: {
      inputIds: textOf(graph, 'inputIds', 'graph.'),
      attentionMask: textOf(graph, 'attentionMask', 'graph.'),
      tokenVectors: textOf(graph, 'tokenVectors', 'graph.'),
    },
  }
  if (manifest.dim % DIM_MULTIPLE !== 0) fail('dim', `a multiple of ${DIM_MULTIPLE}`, manifest.dim)
  if (!Object.hasOwn(manifest.files, manifest.defaultPrecision)) {
    fail('defaultPrecision', `one of ${Object.keys(manifest.files).join(', ')}`, manifest.defaultPrecision)
  }
  return manifest
}

/**
 * The file of a precision.
 *
 * @param precision - default: the manifest's
 * @throws ModelError when the model has no such precision; it lists those there are
 */
export function modelFileOf(manifest: ModelManifest, precision: string = manifest.defaultPrecision): ModelFile {
  const file = Object.hasOwn(manifest.files, precision) ? manifest.files[precision] : undefined
  if (file !== undefined) return file
  const known = Object.keys(manifest.files).join(', ')
  throw new ModelError(
    `opening the model "${manifest.model}": expected a precision it has (${known}), got "${precision}". Choose one of them with --precision.`,
    { precision, known },
  )
}

/** What an index stores of the model. @throws ModelError as `modelFileOf` does */
export function fingerprintOf(manifest: ModelManifest, precision?: string): EncoderFingerprint {
  return {
    model: manifest.model,
    modelSha256: modelFileOf(manifest, precision).sha256,
    weightsSha256: manifest.weightsSha256,
    tokenizerSha256: manifest.tokenizer.sha256,
    dim: manifest.dim,
    queryMarker: manifest.queryMarker,
    passageMarker: manifest.passageMarker,
    queryLength: manifest.queryLength,
    passageLength: manifest.passageLength,
    attendToMask: manifest.attendToMask,
    skipList: manifest.skipList,
  }
}

type Fields = Readonly<Record<string, unknown>>

function parsed(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch (cause) {
    const reason = (cause as Error).message
    throw new ModelError(
      `reading a model's manifest.json: expected JSON, got ${reason}. Copy the file again.`,
      {},
      { cause },
    )
  }
}

function fail(
  field: string,
  expected: string,
  value: unknown,
  cure = 'Correct it, or copy the model folder again.',
): never {
  const got = value === undefined ? 'nothing' : (JSON.stringify(value) ?? typeof value).slice(0, 100)
  throw new ModelError(`reading a model's manifest.json: expected ${field} to be ${expected}, got ${got}. ${cure}`, {
    field,
    expected,
    got,
  })
}

function objectOf(value: unknown, field: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) fail(field, 'an object', value)
  return value as Fields
}

function textOf(fields: Fields, field: string, prefix = ''): string {
  const value = fields[field]
  if (typeof value !== 'string' || value === '') fail(prefix + field, 'a text that is not empty', value)
  return value as string
}

function integerOf(fields: Fields, field: string, range: { min: number; max: number }, prefix = ''): number {
  const value = fields[field]
  const fits = Number.isSafeInteger(value) && (value as number) >= range.min && (value as number) <= range.max
  if (!fits) fail(prefix + field, `an integer in [${range.min}, ${range.max}]`, value)
  return value as number
}

function booleanOf(fields: Fields, field: string): boolean {
  const value = fields[field]
  if (typeof value !== 'boolean') fail(field, 'true or false', value)
  return value as boolean
}

function sha256Of(fields: Fields, field: string, prefix = ''): string {
  const value = fields[field]
  if (typeof value !== 'string' || !SHA256.test(value)) fail(prefix + field, '64 lower-case hex digits', value)
  return value as string
}

function skipListOf(fields: Fields): readonly string[] {
  const value = fields.skipList
  const isTexts = Array.isArray(value) && value.every((symbol) => typeof symbol === 'string' && symbol !== '')
  if (!isTexts) fail('skipList', 'an array of texts', value)
  return value as string[]
}

function fileOf(value: unknown, field: string): ModelFile {
  const fields = objectOf(value, field)
  const file = textOf(fields, 'file', `${field}.`)
  // The name is joined to the folder: it must not lead out of it.
  if (!PLAIN_NAME.test(file)) fail(`${field}.file`, 'a plain file name', file)
  return {
    file,
    bytes: integerOf(fields, 'bytes', { min: 1, max: 2 ** 32 }, `${field}.`),
    sha256: sha256Of(fields, 'sha256', `${field}.`),
  }
}

function modelFilesOf(fields: Fields): Readonly<Record<string, ModelFile>> {
  const files = Object.entries(objectOf(fields.files, 'files'))
  if (files.length === 0) fail('files', 'at least one precision', fields.files)
  return Object.fromEntries(files.map(([precision, file]) => [precision, fileOf(file, `files.${precision}`)]))
}
