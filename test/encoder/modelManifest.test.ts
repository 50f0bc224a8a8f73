/** manifest.json of a model folder: what is read, what is refused, and that the bundled one states the truth. */
import { describe, expect, it } from 'vitest'
import { fingerprintOf, loadModelManifest, modelFileOf } from '../../encoder/modelManifest.ts'
import { readManifest } from './modelFixture.ts'

/** A small valid manifest, freshly made so that a test may spoil it. */
function manifestJson(): Record<string, unknown> {
  return {
    version: 1,
    model: 'tiny',
    licence: 'MIT',
    dim: 32,
    queryMarker: '[unused0]',
    passageMarker: '[unused1]',
    queryLength: 8,
    passageLength: 16,
    attendToMask: true,
    skipList: ['.'],
    positionsMax: 64,
    weightsSha256: 'a'.repeat(64),
    tokenizer: { file: 'tokenizer.json', bytes: 10, sha256: 'b'.repeat(64) },
    files: { f32: { file: 'model.onnx', bytes: 20, sha256: 'c'.repeat(64) } },
    defaultPrecision: 'f32',
    graph: { inputIds: 'ids', attentionMask: 'mask', tokenVectors: 'vectors' },
  }
}

describe('a model manifest', () => {
  it('is read from text and from parsed JSON alike', () => {
    const { version: _, ...expected } = manifestJson()
    expect(loadModelManifest(manifestJson())).toEqual(expected)
    expect(loadModelManifest(JSON.stringify(manifestJson()))).toEqual(expected)
  })

  it.each(Object.keys(manifestJson()))('without %s is refused by that name', (field) => {
    const json = manifestJson()
    delete json[field]
    expect(() => loadModelManifest(json)).toThrow(
      expect.objectContaining({ code: 'MODEL', message: expect.stringMatching(`${field}.*got nothing`) }),
    )
  })

  it.each([
    ['version', 2, /version to be 1, got 2.*Update/],
    ['model', '', /model/],
    ['dim', 40, /dim to be a multiple of 16/],
    ['dim', 16, /dim.*\[32, 256\]/],
    ['dim', '96', /dim.*got "96"/],
    ['queryLength', 3, /queryLength.*\[4, 64\]/],
    ['queryLength', 65, /queryLength/],
    ['passageLength', 65, /passageLength.*\[4, 64\]/],
    ['passageLength', 8.5, /passageLength/],
    ['attendToMask', 'no', /attendToMask.*true or false/],
    ['skipList', '.,', /skipList/],
    ['skipList', [''], /skipList/],
    ['weightsSha256', 'A'.repeat(64), /weightsSha256.*hex/],
    ['tokenizer', [], /tokenizer.*object/],
    ['tokenizer', { file: '../secret', bytes: 1, sha256: 'b'.repeat(64) }, /tokenizer\.file.*plain/],
    ['tokenizer', { file: 't.json', bytes: 0, sha256: 'b'.repeat(64) }, /tokenizer\.bytes/],
    ['files', {}, /files/],
    ['files', { f32: { file: 'model.onnx', bytes: 1 } }, /files\.f32\.sha256/],
    ['files', { f32: null }, /files\.f32/],
    ['defaultPrecision', 'toString', /defaultPrecision.*f32/],
    ['graph', { inputIds: 'ids', attentionMask: 'mask' }, /graph\.tokenVectors/],
  ])('with %s = %j is refused', (field, value, message) => {
    expect(() => loadModelManifest({ ...manifestJson(), [field]: value })).toThrow(
      expect.objectContaining({ code: 'MODEL', message: expect.stringMatching(message) }),
    )
  })

  it.each(['{', '[]', 'null', '"text"'])('that is %s is refused', (json) => {
    expect(() => loadModelManifest(json)).toThrow(expect.objectContaining({ code: 'MODEL' }))
  })

  it('gives the file of a precision and lists those there are when asked for another', () => {
    const manifest = loadModelManifest(manifestJson())
    expect(modelFileOf(manifest).file).toBe('model.onnx')
    expect(modelFileOf(manifest, 'f32').file).toBe('model.onnx')
    for (const precision of ['int8', 'constructor']) {
      expect(() => modelFileOf(manifest, precision)).toThrow(/\(f32\)/)
    }
  })
})

describe('the manifest of tartan-small', () => {
  it('states the conventions of the checkpoint it was made from', () => {
    // Expected values: artifact.metadata and config.json of the checkpoint, and `sha256sum model.safetensors`.
    expect(fingerprintOf(readManifest())).toMatchObject({
      model: 'tartan-small',
      weightsSha256: '8fabbc8f88eb4516ea5f8d373be6255091a24d6003d5857c1d965b458912dac6',
      dim: 96,
      queryMarker: '[unused0]',
      passageMarker: '[unused1]',
      queryLength: 32,
      passageLength: 220,
      attendToMask: false,
    })
    expect(readManifest().positionsMax).toBe(512)
  })

  it('gives its precisions different model checksums and the same weights', () => {
    const [int8, f16] = [fingerprintOf(readManifest(), 'int8'), fingerprintOf(readManifest(), 'f16')]
    expect(int8.modelSha256).not.toBe(f16.modelSha256)
    expect({ ...int8, modelSha256: '' }).toEqual({ ...f16, modelSha256: '' })
  })
})
