/** What both ends of `/v1/encode` share: vectors as text, base64 of little-endian f32, and how many texts a request has. */

/** Texts of one request. */
export const ENCODE_TEXTS_MAX = 32

/** Characters given to one call of `String.fromCharCode`: engines take some 65,000 arguments. */
const CHUNK = 8192

export function encodeBase64F32(vectors: Float32Array): string {
  const bytes = new Uint8Array(vectors.length * 4)
  const view = new DataView(bytes.buffer)
  vectors.forEach((value, i) => {
    view.setFloat32(i * 4, value, true)
  })
  let characters = ''
  for (let start = 0; start < bytes.length; start += CHUNK) {
    characters += String.fromCharCode(...bytes.subarray(start, start + CHUNK))
  }
  return btoa(characters)
}

/** @returns `undefined` when the text is no base64, or no whole number of values */
export function decodeBase64F32(text: string): Float32Array | undefined {
  let characters: string
  try {
    characters = atob(text)
  } catch {
    return undefined
  }
  if (characters.length % 4 !== 0) return undefined
  const bytes = Uint8Array.from(characters, (character) => character.charCodeAt(0))
  const view = new DataView(bytes.buffer)
  return Float32Array.from({ length: bytes.length / 4 }, (_, i) => view.getFloat32(i * 4, true))
}
