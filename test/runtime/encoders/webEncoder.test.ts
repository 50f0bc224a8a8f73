/** The web encoder on Node: which files it reads and refuses, its cache, and many calls at once. Other hosts: test/platforms. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { beforeAll, describe, expect, it } from 'vitest'
import { NotFoundError, StorageError } from '../../../format/errors.ts'
import type { IndexFiles } from '../../../format/rangeReader.ts'
import { cacheApiModels, type ModelCache, openWebEncoder } from '../../../runtime/encoders/webEncoder.ts'
import { compileOnnxWeb, folderFiles } from '../../../runtime/platform/node.ts'
import { memoryFiles } from '../../../runtime/readers/memory.ts'
import { readManifest } from '../../encoder/modelFixture.ts'

const folder = fileURLToPath(new URL('../../../models/tartan-small/', import.meta.url))
const manifest = readManifest()
const names = ['manifest.json', 'tokenizer.json', 'model_int8.onnx']
const bundled = new Map<string, Uint8Array>(names.map((name) => [name, new Uint8Array(readFileSync(folder + name))]))

let wasm: WebAssembly.Module
beforeAll(async () => {
  wasm = await compileOnnxWeb()
})

/** The bundled model with changes, and the names that were opened. */
function modelFiles(changes: Readonly<Record<string, Uint8Array | undefined>> = {}) {
  const all = new Map(bundled)
  for (const [name, bytes] of Object.entries(changes)) bytes ? all.set(name, bytes) : all.delete(name)
  const opened: string[] = []
  const inner = memoryFiles('memory', all)
  const files: IndexFiles = {
    key: 'memory',
    open(name) {
      opened.push(name)
      return inner.open(name)
    },
  }
  return { files, opened }
}

function changed(name: string): Uint8Array {
  const bytes = Uint8Array.from(bundled.get(name)!)
  bytes[bytes.length >> 1]! ^= 1
  return bytes
}

const fingerprint = {
  ...manifest,
  modelSha256: manifest.files.int8!.sha256,
  tokenizerSha256: manifest.tokenizer.sha256,
}

describe('openWebEncoder', () => {
  it('opens a folder on disk, and says how much memory the model takes', async () => {
    const encoder = await openWebEncoder({ files: folderFiles(folder), ort: { wasm } })
    const { rows, dim, spans, vectors } = await encoder.encodeQuery('vitamin d')
    expect([rows, dim, vectors.length]).toEqual([32, 96, 32 * 96])
    expect(spans.slice(0, 5)).toEqual([undefined, undefined, { start: 0, end: 7 }, { start: 8, end: 9 }, undefined])
    expect(encoder.threads).toBe(1)
    expect(encoder.memoryBytes).toBeGreaterThan(23e6)
    const [passage] = await encoder.encodePassages(['vitamin d, and bones'])
    // [CLS], marker, four words and [SEP]; the comma is on the skip list.
    expect(passage!.rows).toBe(7)
    await encoder.close()
  })

  it('opens the float model when it is asked for', async () => {
    const encoder = await openWebEncoder({ files: folderFiles(folder), ort: { wasm }, precision: 'f16' })
    expect(encoder.fingerprint.modelSha256).toBe(manifest.files.f16!.sha256)
    expect((await encoder.encodeQuery('vitamin d')).rows).toBe(32)
    await encoder.close()
  })

  it('refuses an index of another model before it reads more than the manifest', async () => {
    const { files, opened } = modelFiles()
    const index = { name: 'papers', encoder: { ...fingerprint, weightsSha256: 'f'.repeat(64) } }
    await expect(openWebEncoder({ files, ort: { wasm }, index })).rejects.toMatchObject({
      code: 'MODEL',
      message: expect.stringMatching(/weightsSha256.*tartan-small/),
    })
    expect(opened).toEqual(['manifest.json'])
    const unknown = openWebEncoder({ files, ort: { wasm }, index: { name: 'papers' } })
    await expect(unknown).rejects.toMatchObject({ code: 'MODEL', message: expect.stringContaining('"papers"') })
  })

  it.each([
    ['no manifest', { 'manifest.json': undefined }, /manifest\.json.*Copy the whole model folder/],
    ['a manifest of megabytes', { 'manifest.json': new Uint8Array(300_000) }, /at most 262144 bytes, got 300000/],
    ['no tokenizer', { 'tokenizer.json': undefined }, /"tokenizer\.json"/],
    ['a tokenizer with one bit changed', { 'tokenizer.json': changed('tokenizer.json') }, /tokenizer.*SHA-256/],
    ['no model', { 'model_int8.onnx': undefined }, /"model_int8\.onnx"/],
    ['a short model', { 'model_int8.onnx': bundled.get('tokenizer.json') }, /22891412 bytes.*got 527292 bytes/],
    ['a model with one bit changed', { 'model_int8.onnx': changed('model_int8.onnx') }, /model_int8.*SHA-256/],
  ])('refuses a folder with %s, saying what is wrong', async (_, changes, message) => {
    const { files } = modelFiles(changes)
    await expect(openWebEncoder({ files, ort: { wasm } })).rejects.toMatchObject({
      code: 'MODEL',
      message: expect.stringMatching(message),
    })
  })

  it('refuses a precision that the model does not have', async () => {
    await expect(openWebEncoder({ files: modelFiles().files, ort: { wasm }, precision: 'int2' })).rejects.toMatchObject(
      {
        code: 'MODEL',
        message: expect.stringMatching(/int8, f16.*"int2"/),
      },
    )
  })

  it('passes on that the storage failed, which a retry may mend', async () => {
    const error = new StorageError('the bucket does not answer')
    const files: IndexFiles = { key: 'bucket', open: () => Promise.reject(error) }
    await expect(openWebEncoder({ files, ort: { wasm } })).rejects.toBe(error)
    const absent: IndexFiles = { key: 'bucket', open: () => Promise.reject(new NotFoundError('no such key.')) }
    await expect(openWebEncoder({ files: absent, ort: { wasm } })).rejects.toMatchObject({ code: 'MODEL' })
  })

  it.each([
    [0, undefined, /at least 1 thread, got 0/],
    [2, undefined, /"threadScript"/],
    [2, 'ort.mjs', /cross-origin isolated/],
  ])('refuses %d threads with the script %s where they cannot be had', async (threads, threadScript, message) => {
    const opened = openWebEncoder({ files: modelFiles().files, ort: { wasm, threads, threadScript } })
    await expect(opened).rejects.toMatchObject({ code: 'DEVICE', message: expect.stringMatching(message) })
  })
})

describe('a cache', () => {
  function memoryCache(kept = new Map<string, Uint8Array>()): { cache: ModelCache; kept: Map<string, Uint8Array> } {
    const cache: ModelCache = {
      get: async (sha256) => kept.get(sha256),
      put: async (sha256, bytes) => void kept.set(sha256, bytes),
    }
    return { cache, kept }
  }
  const shas = [manifest.tokenizer.sha256, manifest.files.int8!.sha256]

  it('is filled with what was read, and read from the next time', async () => {
    const { cache, kept } = memoryCache()
    const first = modelFiles()
    await (await openWebEncoder({ files: first.files, ort: { wasm }, cache })).close()
    expect(first.opened.sort()).toEqual([...names].sort())
    expect([...kept.keys()].sort()).toEqual([...shas].sort())
    const second = modelFiles()
    await (await openWebEncoder({ files: second.files, ort: { wasm }, cache })).close()
    expect(second.opened).toEqual(['manifest.json'])
  })

  it('that holds something else is not believed, and is put right', async () => {
    const { cache, kept } = memoryCache(new Map(shas.map((sha256) => [sha256, new Uint8Array(9)])))
    const { files, opened } = modelFiles()
    await (await openWebEncoder({ files, ort: { wasm }, cache })).close()
    expect(opened).toHaveLength(3)
    expect(kept.get(shas[0]!)).toEqual(bundled.get('tokenizer.json'))
  })

  it('that fails does not keep the encoder from opening', async () => {
    const failing = () => Promise.reject(new Error('quota exceeded'))
    const { files, opened } = modelFiles()
    await (await openWebEncoder({ files, ort: { wasm }, cache: { get: failing, put: failing } })).close()
    expect(opened).toHaveLength(3)
  })

  it('of the Cache API holds files under their SHA-256', async () => {
    const stored = new Map<string, Response>()
    const cache = cacheApiModels({
      match: async (request) => stored.get(String(request))?.clone(),
      put: async (request, response) => void stored.set(String(request), response),
    })
    expect(await cache.get('ab')).toBeUndefined()
    await cache.put('ab', Uint8Array.of(1, 2, 3))
    expect(await cache.get('ab')).toEqual(Uint8Array.of(1, 2, 3))
    expect([...stored.keys()]).toEqual(['https://tartan-models.invalid/ab'])
    expect(stored.values().next().value!.headers.get('cache-control')).toContain('immutable')
  })
})

describe("the model's bytes", () => {
  it('are let go once the model has started: a Worker cannot hold them twice', async () => {
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    let read: WeakRef<Uint8Array> | undefined
    const { files: inner } = modelFiles()
    const files: IndexFiles = {
      key: 'memory',
      async open(name) {
        const reader = await inner.open(name)
        return {
          ...reader,
          async read(offset, length) {
            const bytes = await reader.read(offset, length)
            if (name.endsWith('.onnx')) read = new WeakRef(bytes)
            return bytes
          },
        }
      },
    }
    const encoder = await openWebEncoder({ files, ort: { wasm } })
    expect(read?.deref()?.length).toBe(manifest.files.int8!.bytes)
    // A WeakRef that was looked at holds on until the end of the turn.
    await new Promise((resolve) => setTimeout(resolve, 0))
    collect()
    expect(read?.deref() === undefined).toBe(true)
    expect((await encoder.encodeQuery('twill')).rows).toBe(32)
    await encoder.close()
  })
})

describe('many calls at once', () => {
  it('give what one after another gives, also over two sessions', async () => {
    const open = () => openWebEncoder({ files: modelFiles().files, ort: { wasm } })
    const [one, two] = await Promise.all([open(), open()])
    const texts = Array.from({ length: 12 }, (_, i) => `question number ${i} about vitamin ${'abcdek'[i % 6]}`)
    const apart: Float32Array[] = []
    for (const text of texts) apart.push((await one.encodeQuery(text)).vectors)
    const together = await Promise.all(texts.map((text, i) => (i % 2 ? one : two).encodeQuery(text)))
    expect(together.map(({ vectors }) => vectors)).toEqual(apart)
    await Promise.all([one.close(), two.close()])
  })
})
