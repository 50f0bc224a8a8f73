/** The vectors of the latest queries are kept. */
import { describe, expect, it } from 'vitest'
import { cachedEncoder } from '../../../runtime/encoders/cachedEncoder.ts'
import { ToyEncoder } from '../../http/toySearcher.ts'

function counting() {
  const toy = new ToyEncoder()
  const asked: string[] = []
  const encodeQuery = (text: string) => {
    asked.push(text)
    return text === 'bad' ? Promise.reject(new Error('no')) : toy.encodeQuery(text)
  }
  return { asked, encoder: { fingerprint: toy.fingerprint, encodeQuery, close: () => toy.close() } }
}

describe('cachedEncoder', () => {
  it('encodes a query once, whether it is asked again later or at once', async () => {
    const { asked, encoder } = counting()
    const cached = cachedEncoder(encoder)
    const [first, second] = await Promise.all([cached.encodeQuery('a b'), cached.encodeQuery('a b')])
    expect(await cached.encodeQuery('a b')).toBe(first)
    expect(second).toBe(first)
    expect(first.vectors).toEqual((await new ToyEncoder().encodeQuery('a b')).vectors)
    expect(asked).toEqual(['a b'])
  })

  it('keeps the latest used, as many as fit its bytes', async () => {
    const { asked, encoder } = counting()
    const one = (await encoder.encodeQuery('a')).vectors.byteLength
    asked.length = 0
    const cached = cachedEncoder(encoder, { bytesMax: one * 2.5 })
    for (const text of ['a', 'b', 'a', 'c', 'a', 'b']) await cached.encodeQuery(text)
    // When "c" came, "b" was the one used longest ago.
    expect(asked).toEqual(['a', 'b', 'c', 'b'])
  })

  it('keeps no failure', async () => {
    const { asked, encoder } = counting()
    const cached = cachedEncoder(encoder)
    await expect(cached.encodeQuery('bad')).rejects.toThrow('no')
    await expect(cached.encodeQuery('bad')).rejects.toThrow('no')
    expect(asked).toEqual(['bad', 'bad'])
  })

  it('offers what the encoder offers, and no more', () => {
    expect(cachedEncoder(counting().encoder).encodePassages).toBeUndefined()
    expect(cachedEncoder(new ToyEncoder()).passageSpans?.('a b')).toEqual(new ToyEncoder().passageSpans('a b'))
  })
})
