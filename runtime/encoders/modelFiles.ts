/**
 * Reads a model folder (`manifest.json`, tokenizer, ONNX file) through the ports that an index is read through, checks every file
 * against the manifest's size and SHA-256, and keeps files in a cache where the host has one.
 */

import { MODEL_MANIFEST_BYTES_MAX } from '../../encoder/limits.ts'
import { loadModelManifest, type ModelFile, type ModelManifest, modelFileOf } from '../../encoder/modelManifest.ts'
import { sha256Hex } from '../../format/container/sha256.ts'
import { ModelError, StorageError } from '../../format/errors.ts'
import type { IndexFiles, RangeReader } from '../../format/rangeReader.ts'

/** Keeps files by the SHA-256 of their content (lower-case hex), so that what is kept can be wrong but never out of date. */
export interface ModelCache {
  get(sha256: string): Promise<Uint8Array | undefined>
  put(sha256: string, bytes: Uint8Array): Promise<void>
}

/** A model's files in memory, every size and checksum verified. */
export interface ModelContents {
  readonly model: Uint8Array
  readonly tokenizerJson: string
}

/**
 * @param files - the model folder: a folder on disk, a key prefix of an object store, a URL
 * @throws ModelError when there is no manifest.json, or it is not one; StorageError
 */
export async function readModelManifest(files: IndexFiles): Promise<ModelManifest> {
  const bytes = await reading(files, 'manifest.json', async (reader) => {
    if (reader.size > MODEL_MANIFEST_BYTES_MAX) {
      throw new ModelError(
        `opening the model at "${files.key}": expected a manifest.json of at most ${MODEL_MANIFEST_BYTES_MAX} bytes, got ${reader.size}. Is this the folder of a model?`,
        { bytes: reader.size },
      )
    }
    return reader.read(0, reader.size)
  })
  return loadModelManifest(new TextDecoder().decode(bytes))
}

/**
 * @param precision - default: the manifest's
 * @throws ModelError when the model has no such precision, or a file is missing or damaged; StorageError
 */
export async function readModelContents(
  files: IndexFiles,
  manifest: ModelManifest,
  options: { readonly precision?: string; readonly cache?: ModelCache } = {},
): Promise<ModelContents> {
  const [tokenizer, model] = await Promise.all([
    readVerified(files, manifest.tokenizer, options.cache),
    readVerified(files, modelFileOf(manifest, options.precision), options.cache),
  ])
  return { model, tokenizerJson: new TextDecoder().decode(tokenizer) }
}

/**
 * Models in a cache of the Cache API: `caches.default` of Workers, `await caches.open('tartan-models')` of browsers and Deno.
 * Entries need no expiry, as their names say what they hold.
 */
export function cacheApiModels(cache: Pick<Cache, 'match' | 'put'>): ModelCache {
  // Cache names are URLs. Nothing is ever fetched from this one: names under .invalid belong to nobody (RFC 2606).
  const url = (sha256: string) => `https://tartan-models.invalid/${sha256}`
  return {
    async get(sha256) {
      const response = await cache.match(url(sha256))
      return response && new Uint8Array(await response.arrayBuffer())
    },
    async put(sha256, bytes) {
      const headers = {
        'Content-Type': 'application/octet-stream',
        'Content-Length': String(bytes.length),
        'Cache-Control': 'public, max-age=31536000, immutable',
      }
      await cache.put(url(sha256), new Response(bytes as Uint8Array<ArrayBuffer>, { headers }))
    },
  }
}

async function readVerified(files: IndexFiles, file: ModelFile, cache: ModelCache | undefined): Promise<Uint8Array> {
  // A cache only saves time: one that is full or broken must not keep the model from being used.
  const kept = await cache?.get(file.sha256).catch(() => undefined)
  // What is kept is checked like anything else; a damaged copy is read again, and replaced.
  if (kept && (await sha256Hex(kept)) === file.sha256) return kept
  const bytes = await reading(files, file.file, async (reader) => {
    if (reader.size !== file.bytes) throw damaged(files, file, `${reader.size} bytes`)
    return reader.read(0, reader.size)
  })
  const got = await sha256Hex(bytes)
  if (got !== file.sha256) throw damaged(files, file, `SHA-256 ${got}`)
  await cache?.put(file.sha256, bytes).catch(() => {})
  return bytes
}

async function reading<T>(files: IndexFiles, name: string, work: (reader: RangeReader) => Promise<T>): Promise<T> {
  const reader = await files.open(name).catch((cause: Error) => {
    if (cause instanceof StorageError) throw cause
    throw new ModelError(
      `opening the model at "${files.key}": expected the file "${name}", got: ${cause.message} Copy the whole model folder there, or name the right place (the command's --model); the npm package has the bundled model's file for CPUs only, the project's repository has the others (models/).`,
      { file: name },
      { cause },
    )
  })
  try {
    return await work(reader)
  } finally {
    await reader.close?.()
  }
}

function damaged(files: IndexFiles, file: ModelFile, got: string): ModelError {
  return new ModelError(
    `opening the model at "${files.key}": expected "${file.file}" to have ${file.bytes} bytes with SHA-256 ${file.sha256}, got ${got}. Copy the model folder again.`,
    { file: file.file, expected: file.sha256, got },
  )
}
