import { describe, expect, it } from 'vitest'
import { FormatError } from '../../format/errors.ts'
import { decodeEncoderFingerprint } from '../../format/manifest/encoderFingerprint.ts'

const fingerprint = {
  model: 'm',
  modelSha256: 'a'.repeat(64),
  weightsSha256: 'b'.repeat(64),
  tokenizerSha256: 'c'.repeat(64),
  dim: 96,
  queryMarker: '[Q] ',
  passageMarker: '[D] ',
  queryLength: 32,
  passageLength: 300,
  attendToMask: false,
  skipList: ['.', ','],
}

describe('an encoder fingerprint', () => {
  it('is read field by field, without those that are not its own', () => {
    expect(decodeEncoderFingerprint({ ...fingerprint, other: 1 }, 'encoder.json')).toEqual(fingerprint)
  })

  it.each(Object.keys(fingerprint))('is refused without %s, or with something else there', (key) => {
    const { [key as 'model']: _, ...rest } = fingerprint
    for (const forged of [rest, { ...rest, [key]: {} }, { ...rest, [key]: -1 }]) {
      expect(() => decodeEncoderFingerprint(forged, 'encoder.json')).toThrow(FormatError)
      expect(() => decodeEncoderFingerprint(forged, 'encoder.json')).toThrow(`encoder.json.${key}`)
    }
  })

  it.each([
    ['skipList', [1]],
    ['queryLength', 3],
    ['dim', 16],
    ['modelSha256', 'a'.repeat(63)],
  ])('is refused with %s %j', (key, value) => {
    expect(() => decodeEncoderFingerprint({ ...fingerprint, [key]: value }, 'x')).toThrow(FormatError)
  })

  it.each([[null], [[]], ['text']])('is not %j', (value) => {
    expect(() => decodeEncoderFingerprint(value, 'x')).toThrow(FormatError)
  })
})
