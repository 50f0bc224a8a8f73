/** What `tartan encode` adds to a vectors folder beside the vectors: which encoder made them, and judgements. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { EncoderFingerprint } from '../../encoder/encoder.ts'
import { InputError } from '../../format/errors.ts'
import { decodeEncoderFingerprint } from '../../format/manifest/encoderFingerprint.ts'
import type { Qrels } from '../eval/qrels.ts'
import { LENGTHS_FILE, META_FILE, QUERIES_FILE, ROWS_FILE } from './vectorsLayout.ts'

const ENCODER_FILE = 'encoder.json'
const QRELS_FILE = 'qrels.json'

const FILES: ReadonlySet<string> = new Set([
  ...[ROWS_FILE, QUERIES_FILE, LENGTHS_FILE, META_FILE],
  ...[ENCODER_FILE, QRELS_FILE],
])

/** Whether a file of this name is part of a vectors folder. */
export function isVectorsFile(name: string): boolean {
  return FILES.has(name)
}

export async function writeVectorsEncoder(folder: string, fingerprint: EncoderFingerprint): Promise<void> {
  await writeFile(join(folder, ENCODER_FILE), `${JSON.stringify(fingerprint, undefined, 2)}\n`)
}

/** `undefined` for vectors that were made elsewhere: their index is searched with vectors only. */
export async function readVectorsEncoder(folder: string): Promise<EncoderFingerprint | undefined> {
  const path = join(folder, ENCODER_FILE)
  const value = await readJson(path)
  return value === undefined ? undefined : decodeEncoderFingerprint(value, path)
}

export async function writeVectorsQrels(folder: string, qrels: Qrels): Promise<void> {
  const plain = Object.fromEntries([...qrels].map(([query, judged]) => [query, Object.fromEntries(judged)]))
  await writeFile(join(folder, QRELS_FILE), JSON.stringify(plain))
}

/** @throws InputError when the folder has no judgements */
export async function readVectorsQrels(folder: string): Promise<Qrels> {
  const plain = await readJson(join(folder, QRELS_FILE))
  if (plain === undefined)
    throw new InputError(`"${folder}" has no ${QRELS_FILE}. Encode it with --queries and --qrels.`)
  return new Map(
    Object.entries(plain as Record<string, Record<string, number>>).map(([query, judged]) => [
      query,
      new Map(Object.entries(judged)),
    ]),
  )
}

async function readJson(path: string): Promise<unknown> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (text === undefined) return undefined
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new InputError(`"${path}" is not valid JSON: ${(cause as Error).message}`, {}, { cause })
  }
}
