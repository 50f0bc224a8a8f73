/** The event of a function URL, payload format 2.0 (AWS Lambda Developer Guide, "Request payload format"). */
export function functionUrlEvent(path: string, init: RequestInit) {
  const { pathname, search } = new URL(path, 'http://localhost')
  const sent = new Headers(init.headers)
  const body = init.body as string | undefined
  if (body !== undefined) sent.set('content-length', String(Buffer.byteLength(body)))
  const headers = { ...Object.fromEntries(sent), host: 'id.lambda-url.eu-central-1.on.aws' }
  return {
    version: '2.0',
    routeKey: '$default',
    rawPath: pathname,
    rawQueryString: search.slice(1),
    headers,
    requestContext: {
      accountId: 'anonymous',
      apiId: 'id',
      domainName: headers.host,
      http: {
        method: init.method ?? 'GET',
        path: pathname,
        protocol: 'HTTP/1.1',
        sourceIp: '127.0.0.1',
        userAgent: 'test',
      },
      requestId: 'id',
      routeKey: '$default',
      stage: '$default',
      timeEpoch: 0,
    },
    ...(body === undefined ? {} : { body }),
    isBase64Encoded: false,
  }
}
