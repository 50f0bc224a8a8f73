/** Bytes of an HTML file to text: the charset that the file names (by encoding-sniffer), as browsers find it. */
import { Buffer } from 'node:buffer'
import { getEncoding } from 'encoding-sniffer'
import type { EntryProblem } from '../../entry.ts'

/** The standard asks for 1,024 bytes, browsers also take a `<meta>` that stands later, behind comments and scripts. */
const SNIFFED_BYTES = 16_384
/** A label that no page may name, so that it says "none was found". */
const NONE = 'x-user-defined'
/** What the standard takes for a page that names no charset. */
const GUESS = 'windows-1252'

export type DecodedHtml =
  | {
      readonly text: string
      /** What had to be guessed or could not be read; absent when all is as the file says. */
      readonly note?: string
      readonly problem?: undefined
    }
  | { readonly problem: EntryProblem; readonly text?: undefined }

/**
 * By byte-order mark, XML declaration or `<meta>`. Without any: UTF-8 where the bytes are valid UTF-8, else windows-1252,
 * and the note says so. Bytes that are none in the charset named become U+FFFD, as in a browser, and the note counts them.
 */
export function decodeHtml(bytes: Uint8Array): DecodedHtml {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const named = getEncoding(buffer, { maxBytes: SNIFFED_BYTES, defaultEncoding: NONE })
  const isNamed = named.toLowerCase() !== NONE
  const decoder = decoderOf(isNamed ? named : 'utf-8')
  if (!decoder) {
    return {
      problem: {
        reason: `expected a charset that can be read, got ${JSON.stringify(named)}`,
        cure: 'Convert the file to UTF-8.',
      },
    }
  }
  const strict = decodeStrictly(decoder.encoding, bytes)
  if (strict !== undefined) return checked(strict)
  if (!isNamed) {
    return checked(new TextDecoder(GUESS).decode(bytes), `read as ${GUESS}: it is no UTF-8 and names no charset`)
  }
  const text = decoder.decode(bytes)
  const count = text.split('\ufffd').length - 1
  return checked(
    text,
    `${count} ${count === 1 ? 'place is' : 'places are'} no ${decoder.encoding}, which the file says it is: read as \ufffd`,
  )
}

/** U+0000 is in no text: such a file is rather a picture, or UTF-16 without a mark. */
function checked(text: string, note?: string): DecodedHtml {
  const nul = text.indexOf('\0')
  if (nul < 0) return note === undefined ? { text } : { text, note }
  return {
    problem: {
      reason: `expected text, got a NUL character at character ${nul + 1} of the file`,
      cure: 'Is this a binary or a UTF-16 file? Convert it to UTF-8.',
    },
  }
}

function decoderOf(label: string): TextDecoder | undefined {
  try {
    return new TextDecoder(label)
  } catch {
    // What encoding-sniffer knows and this JavaScript does not.
    return undefined
  }
}

function decodeStrictly(label: string, bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder(label, { fatal: true }).decode(bytes)
  } catch {
    return undefined
  }
}
