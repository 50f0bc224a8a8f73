/** Which query encoders an index takes. */
import { describe, expect, it } from 'vitest'
import type { EncoderFingerprint } from '../../encoder/encoder.ts'
import { assertSameEncoder } from '../../encoder/fingerprint.ts'

const index: EncoderFingerprint = {
  model: 'index-model',
  modelSha256: '1'.repeat(64),
  weightsSha256: '2'.repeat(64),
  tokenizerSha256: '3'.repeat(64),
  dim: 96,
  queryMarker: '[unused0]',
  passageMarker: '[unused1]',
  queryLength: 32,
  passageLength: 220,
  attendToMask: false,
  skipList: ['.', ','],
}

describe('an index', () => {
  it('takes the encoder it was built with, in any precision and under any name', () => {
    assertSameEncoder(index, { ...index })
    assertSameEncoder(index, { ...index, modelSha256: '9'.repeat(64), model: 'renamed' })
  })

  const changes: [keyof EncoderFingerprint, EncoderFingerprint[keyof EncoderFingerprint]][] = [
    ['weightsSha256', '4'.repeat(64)],
    ['tokenizerSha256', '4'.repeat(64)],
    ['dim', 128],
    ['queryMarker', '[Q]'],
    ['passageMarker', '[D]'],
    ['queryLength', 48],
    ['passageLength', 300],
    ['attendToMask', true],
    ['skipList', ['.']],
  ]
  it.each(changes)('refuses an encoder whose %s is %j, naming both values', (field, value) => {
    const query = { ...index, model: 'query-model', [field]: value }
    expect(() => assertSameEncoder(index, query)).toThrow(
      expect.objectContaining({
        code: 'MODEL',
        detail: expect.objectContaining({ field, expected: JSON.stringify(index[field]), got: JSON.stringify(value) }),
        message: expect.stringContaining('"index-model"'),
      }),
    )
  })

  it('has every field but the two that may differ in that list', () => {
    const compared = changes.map(([field]) => field)
    expect([...compared, 'model', 'modelSha256'].sort()).toEqual(Object.keys(index).sort())
  })

  it('names the first of several differences', () => {
    const query = { ...index, dim: 128, weightsSha256: '4'.repeat(64) }
    expect(() => assertSameEncoder(index, query)).toThrow(/weightsSha256/)
  })
})
