/**
 * Origins whose pages may ask. Browsers send them in one spelling (RFC 6454 §6.1): what people write is brought into it, and what no
 * browser would ever send is refused, since it would allow nobody and say nothing.
 */
import { InputError } from '../../../format/errors.ts'

/** What pages of other origins may read of an answer besides its body: the browser hides all headers that are not named. */
export const EXPOSED_HEADERS = ['ETag', 'Retry-After', 'Server-Timing', 'X-Request-Id'] as const

/** Ports that a browser leaves out; URL does so for those that it knows. */
const WEB = /^https?:$/

/**
 * @param origins - such as "https://docs.example.org"; "*" for all, "null" for pages without an origin (files, sandboxed frames)
 * @returns '*', or origins as browsers send them
 * @throws InputError for what is no origin, with what to write instead
 */
export function allowedOrigins(origins: readonly string[]): '*' | readonly string[] {
  const allowed = origins.map((origin) => allowedOrigin(origin))
  return allowed.includes('*') ? '*' : [...new Set(allowed)]
}

function allowedOrigin(given: string): string {
  if (typeof given !== 'string') throw problem(String(given), 'expected a text such as "https://docs.example.org"')
  const text = given.trim()
  if (text === '*' || text === 'null') return text
  if (text.includes('*')) {
    throw problem(text, 'wildcards are not known here. Name each origin by itself, or * for all')
  }
  if (/[,;\s]/.test(text)) throw problem(text, 'one origin at a time is expected. Name several as words of their own')
  const url = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? URL.parse(text) : null
  if (!url) {
    const https = URL.parse(`https://${text.replace(/^\/*/, '')}`)
    const isHost = !/:\/\//.test(text) && https !== null && https.host !== ''
    throw problem(
      text,
      `expected a scheme and a host.${isHost ? ` Write https://${https.host}` : ' Write it as https://docs.example.org'}`,
    )
  }
  if (url.protocol === 'file:') throw problem(text, 'pages that are opened from a disk have no origin. Write null')
  if (url.host === '') throw problem(text, 'expected a host after the scheme, as in https://docs.example.org')
  // Of other schemes, such as those of browser extensions and apps, URL knows no origin.
  const origin = WEB.test(url.protocol) ? url.origin : `${url.protocol}//${url.host.toLowerCase()}`
  if (url.username || url.password) throw problem(text, `an origin has no user and no password. Write ${origin}`)
  if (!['', '/'].includes(url.pathname) || url.search || url.hash || /[?#]/.test(text)) {
    throw problem(text, `an origin has no path: a browser sends scheme, host and port only. Write ${origin}`)
  }
  return origin
}

function problem(origin: string, why: string): InputError {
  return new InputError(`"${origin}" is no origin of pages: ${why}.`, { origin })
}
