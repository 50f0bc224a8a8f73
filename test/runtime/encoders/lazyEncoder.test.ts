/** The encoder that opens itself, and that no way to an encoder leads past the index's fingerprint. */
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { fingerprintOf } from '../../../encoder/modelManifest.ts'
import { createLazyEncoder } from '../../../runtime/encoders/lazyEncoder.ts'
import { createRemoteEncoder, openRemoteEncoder } from '../../../runtime/encoders/remoteEncoder.ts'
import { openWebEncoder } from '../../../runtime/encoders/webEncoder.ts'
import { createApp } from '../../../runtime/http/index.ts'
import { openModel } from '../../../runtime/platform/node/encoderNode.ts'
import { openQueryEncoder } from '../../../runtime/platform/node/queryEncoder.ts'
import { compileOnnxWeb, folderFiles, serve } from '../../../runtime/platform/node.ts'
import { readManifest } from '../../encoder/modelFixture.ts'
import { createToySearcher, ToyEncoder, toyFingerprint, toyPassages } from '../../http/toySearcher.ts'

const index = { name: 'toy', encoder: toyFingerprint }

describe('createLazyEncoder', () => {
  /** A toy encoder behind an `open` that is counted. */
  function counted(fail: () => boolean = () => false) {
    const counts = { opened: 0, closed: 0 }
    const encoder = Object.assign(new ToyEncoder(), { close: async () => void counts.closed++ })
    const open = async () => {
      counts.opened++
      if (fail()) throw new Error('storage is down')
      return encoder
    }
    return { counts, open, encoder }
  }

  it('opens nothing before the first text, once for many, and closes what it opened', async () => {
    const { counts, open, encoder } = counted()
    const lazy = createLazyEncoder({ index, open })
    expect([lazy.fingerprint, lazy.isOpen, counts.opened]).toEqual([toyFingerprint, false, 0])
    expect(() => lazy.passageSpans('twill')).toThrow(/Encode a query first/)
    const queries = await Promise.all(['twill', 'drape'].map((text) => lazy.encodeQuery(text)))
    expect(queries[0]!.vectors).toEqual((await encoder.encodeQuery('twill')).vectors)
    expect((await lazy.encodePassages(['twill']))[0]!.rows).toBe(2)
    expect(lazy.passageSpans('twill')).toEqual(encoder.passageSpans('twill'))
    await lazy.close()
    expect([lazy.isOpen, counts]).toEqual([true, { opened: 1, closed: 1 }])
  })

  it('closes nothing when nothing was opened, and tries again after a failure', async () => {
    let isDown = true
    const { counts, open } = counted(() => isDown)
    const lazy = createLazyEncoder({ index, open })
    await expect(lazy.encodeQuery('twill')).rejects.toThrow('storage is down')
    await lazy.close()
    isDown = false
    expect((await lazy.encodeQuery('twill')).rows).toBe(32)
    expect(counts).toEqual({ opened: 2, closed: 0 })
  })

  it('lets an app answer requests with vectors, and those with a text once it is open', async () => {
    const { counts, open, encoder } = counted()
    const toy = await createToySearcher('toy', encoder, toyPassages)
    const app = createApp({ indexes: toy, encoder: createLazyEncoder({ index: toy.info, open }) })
    const vectors = [[...(await encoder.encodeQuery('twill')).vectors.subarray(256, 512)]]
    const headers = { 'content-type': 'application/json' }
    const ready = await app.request('/v1/search', { method: 'POST', headers, body: JSON.stringify({ vectors }) })
    expect([ready.status, counts.opened]).toEqual([200, 0])
    const marked = await app.request('/v1/search?q=twill&k=1&highlight=true')
    expect(await marked.json()).toMatchObject({
      hits: [{ id: 'weave/twill#1', marks: { title: [{ start: 0, end: 5 }] } }],
    })
    expect(counts.opened).toBe(1)
  })
})

describe('an index of another model', () => {
  const folder = fileURLToPath(new URL('../../../models/tartan-small/', import.meta.url))
  const own = fingerprintOf(readManifest())
  /** Each field that must agree, changed. */
  const others = Object.entries({
    weightsSha256: 'f'.repeat(64),
    tokenizerSha256: 'f'.repeat(64),
    dim: 128,
    queryMarker: '[unused7]',
    passageMarker: '[unused7]',
    queryLength: 48,
    passageLength: 300,
    attendToMask: true,
    skipList: [],
  }).map(([field, value]) => ({ field, info: { name: 'papers', encoder: { ...own, [field]: value } } }))

  it.each(others)(
    'is refused by every way to an encoder when its $field differs, before anything is encoded',
    async ({ field, info }) => {
      const refused = { code: 'MODEL', detail: { field }, message: expect.stringContaining('tartan-small') }
      const files = folderFiles(folder)
      await expect(openQueryEncoder(info, 'tartan-small')).rejects.toMatchObject(refused)
      await expect(openWebEncoder({ files, ort: { wasm: await compileOnnxWeb() }, index: info })).rejects.toMatchObject(
        refused,
      )
      const open = () => openModel('tartan-small', { threads: 1 })
      await expect(createLazyEncoder({ index: info, open }).encodeQuery('a')).rejects.toMatchObject(refused)
      const native = await open()
      const server = await serve({ app: createApp({ indexes: {}, encoder: native }), port: 0 })
      await expect(openRemoteEncoder({ url: server.url, index: info })).rejects.toMatchObject(refused)
      await expect(createRemoteEncoder({ url: server.url, index: info }).encodeQuery('a')).rejects.toMatchObject(
        refused,
      )
      await server.close()
      await native.close()
    },
  )

  it('is taken when only the precision and the name differ', async () => {
    const f16 = fingerprintOf(readManifest(), 'f16')
    const encoder = await openQueryEncoder(
      { name: 'papers', encoder: { ...f16, model: 'the-same-weights' } },
      'tartan-small',
    )
    expect((await encoder.encodeQuery('a')).rows).toBe(32)
    await encoder.close()
  })
})
