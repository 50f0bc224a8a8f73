/** Why a server was not reached, in words, and what can be done about it. */

const NO_TLS = 'The server does not speak TLS there: write http:// instead of https://'
const BROKEN_OFF = 'The server broke the connection off: check whether it speaks http or https, and try again'
const NOBODY = 'Nobody answers there: check the address, the network, a VPN or a firewall'
const UNKNOWN_ISSUER =
  'This machine does not trust whoever issued the certificate of the server: name the issuer in NODE_EXTRA_CA_CERTS'

/** By the codes of Node and of OpenSSL. */
const CURES: Readonly<Record<string, string>> = {
  ENOTFOUND: 'No server has this name: check the spelling of the address, and whether this machine is online',
  EAI_AGAIN: 'The name could not be looked up: check whether this machine is online',
  ECONNREFUSED: 'Nothing listens there: check host and port, and whether the server runs',
  ECONNRESET: BROKEN_OFF,
  UND_ERR_SOCKET: BROKEN_OFF,
  EHOSTUNREACH: NOBODY,
  ENETUNREACH: 'No way leads there: check whether this machine is online',
  ETIMEDOUT: NOBODY,
  UND_ERR_CONNECT_TIMEOUT: NOBODY,
  EPROTO: NO_TLS,
  ERR_SSL_WRONG_VERSION_NUMBER: NO_TLS,
  ERR_SSL_PACKET_LENGTH_TOO_LONG: NO_TLS,
  CERT_HAS_EXPIRED: 'The certificate of the server has expired, or the clock of this machine is wrong',
  ERR_TLS_CERT_ALTNAME_INVALID: 'The certificate of the server is for another name: check the address',
  SELF_SIGNED_CERT_IN_CHAIN: UNKNOWN_ISSUER,
  DEPTH_ZERO_SELF_SIGNED_CERT: UNKNOWN_ISSUER,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNKNOWN_ISSUER,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNKNOWN_ISSUER,
}

/** What a page sees is the same for all of these. */
const CURE_ELSE =
  'Check the address, and whether this machine is online; asked by a page of another site, the server has to allow its origin (CORS)'

/**
 * The end of a sentence that began with what could not be read.
 * @param failed - how long nobody answered, or what a request was rejected with
 */
export function unreachable(failed: { readonly waitedMs: number } | { readonly error: unknown }): string {
  if ('waitedMs' in failed) {
    return `no answer within ${failed.waitedMs} ms. Try again, check the network, or allow more time (timeoutMs).`
  }
  const { error } = failed
  if (!(error instanceof Error)) return `${String(error)}. ${CURE_ELSE}.`
  // That of Node's fetch says only "fetch failed".
  const cause = error.cause instanceof Error ? error.cause : undefined
  const code = codeOf(cause) ?? codeOf(error)
  const because = cause?.message || code
  return `${error.message}${because ? ` (${because})` : ''}. ${CURES[code ?? ''] ?? CURE_ELSE}.`
}

function codeOf(error: Error | undefined): string | undefined {
  const code = (error as { readonly code?: unknown } | undefined)?.code
  return typeof code === 'string' ? code : undefined
}
