/** SHA-256 where every host has it (Web Crypto): names of parts, and checks of model files. */

/** @returns 64 lower-case hexadecimal digits */
export async function sha256Hex(bytes: Uint8Array): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', bytes as BufferSource)
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('')
}
