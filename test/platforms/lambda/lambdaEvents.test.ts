/** Lambda behind each of its front ends: the same answers whatever they make of a path. Events as the AWS Lambda Developer Guide has them. */
import { describe, expect, it } from 'vitest'
import { createApp } from '../../../runtime/http/index.ts'
import { lambdaHandler } from '../../../runtime/platform/lambda.ts'
import { normalBasePath, withAppPath } from '../../../runtime/platform/lambdaEvents.ts'
import { createToySearcher, ToyEncoder, toyPassages } from '../../http/toySearcher.ts'

const ids = ['plain', 'a/b', 'a b', 'what?', 'c#', '100%', 'ä ö', 'back\\slash', '[x]{y}', 'q&a=b', 'a+b']

async function handlerOf(basePath?: string) {
  const encoder = new ToyEncoder()
  const passages = [...toyPassages, ...ids.map((id) => ({ id, title: '', text: 'a text' }))]
  const indexes = await createToySearcher('toy', encoder, passages)
  const handler = lambdaHandler({
    open: async () => createApp({ indexes, encoder }),
    ...(basePath ? { basePath } : {}),
  })
  return async (event: object) => {
    const { statusCode, body } = await handler(event as Parameters<typeof handler>[0])
    return { statusCode, body: JSON.parse(body) as Record<string, unknown> }
  }
}

interface Http2 {
  readonly stage?: string
  readonly domain?: string
  readonly query?: string
  readonly proxy?: string
  readonly post?: object
}
/** Payload format 2.0: HTTP APIs and function URLs. */
const http2 = (
  rawPath: string,
  { stage = '$default', domain = 'id.execute-api.eu-west-1.amazonaws.com', query = '', proxy, post }: Http2 = {},
) => ({
  version: '2.0',
  routeKey: proxy === undefined ? '$default' : 'ANY /{proxy+}',
  rawPath,
  rawQueryString: query,
  headers: { host: domain, ...(post ? { 'content-type': 'application/json' } : {}) },
  ...(proxy === undefined ? {} : { pathParameters: { proxy } }),
  requestContext: {
    domainName: domain,
    stage,
    http: { method: post ? 'POST' : 'GET', path: rawPath, protocol: 'HTTP/1.1', sourceIp: '1.2.3.4', userAgent: 'x' },
  },
  ...(post ? { body: Buffer.from(JSON.stringify(post)).toString('base64') } : {}),
  isBase64Encoded: post !== undefined,
})
/** Payload format 1.0: REST APIs. */
const rest1 = (
  path: string,
  {
    proxy = '',
    query = {},
    resource = '/{proxy+}',
  }: { proxy?: string; query?: Record<string, string>; resource?: string } = {},
) => ({
  resource,
  path,
  httpMethod: 'GET',
  headers: { Host: 'id.execute-api.eu-west-1.amazonaws.com' },
  multiValueHeaders: { Host: ['id.execute-api.eu-west-1.amazonaws.com'] },
  queryStringParameters: query,
  multiValueQueryStringParameters: Object.fromEntries(Object.entries(query).map(([name, value]) => [name, [value]])),
  pathParameters: proxy ? { proxy } : null,
  requestContext: { stage: 'prod', path: `/prod${path}`, httpMethod: 'GET', resourcePath: resource },
  body: null,
  isBase64Encoded: false,
})
const loadBalancer = (path: string, query: Record<string, string> = {}) => ({
  requestContext: { elb: { targetGroupArn: 'arn:aws:elasticloadbalancing:x' } },
  httpMethod: 'GET',
  path,
  queryStringParameters: query,
  headers: { host: 'lb.example' },
  body: '',
  isBase64Encoded: false,
})

describe('a search is answered', () => {
  const events: readonly (readonly [string, object, string?])[] = [
    ['of a function URL', http2('/v1/search', { query: 'q=twill&k=1', domain: 'id.lambda-url.eu-west-1.on.aws' })],
    ['of an HTTP API, default stage', http2('/v1/search', { query: 'q=twill&k=1' })],
    ['of an HTTP API with a stage that has a name', http2('/prod/v1/search', { query: 'q=twill&k=1', stage: 'prod' })],
    [
      '… by a domain of its own, without the stage',
      http2('/v1/search', { query: 'q=twill&k=1', stage: 'prod', domain: 'api.example.org' }),
    ],
    ['… whose stage is called as a path of ours', http2('/v1/v1/search', { query: 'q=twill&k=1', stage: 'v1' })],
    ['… and asked without it', http2('/v1/search', { query: 'q=twill&k=1', stage: 'v1', domain: 'api.example.org' })],
    [
      '… by a mapping',
      http2('/shop/v1/search', { query: 'q=twill&k=1', proxy: 'v1/search', domain: 'api.example.org' }),
    ],
    [
      '… with stage and catch-all',
      http2('/prod/v1/search', { query: 'q=twill&k=1', stage: 'prod', proxy: 'v1/search' }),
    ],
    ['of an HTTP API, POST in base64', http2('/prod/v1/search', { stage: 'prod', post: { query: 'twill', k: 1 } })],
    ['of a REST API', rest1('/v1/search', { proxy: 'v1/search', query: { q: 'twill', k: '1' } })],
    ['… by a mapping', rest1('/shop/v1/search', { proxy: 'v1/search', query: { q: 'twill', k: '1' } })],
    ['of a load balancer', loadBalancer('/v1/search', { q: 'twill', k: '1' })],
    ['below a base path', http2('/docs/search/v1/search', { query: 'q=twill&k=1' }), 'docs/search/'],
    ['below a base path of a stage', http2('/prod/docs/v1/search', { query: 'q=twill&k=1', stage: 'prod' }), '/docs'],
    ['below a base path of a load balancer', loadBalancer('/docs/v1/search', { q: 'twill', k: '1' }), '/docs'],
    ['where the base path is cut off already', http2('/v1/search', { query: 'q=twill&k=1' }), '/docs'],
  ]
  it.each(events.map(([name, event, basePath]) => ({ name, event, basePath })))(
    '$name',
    async ({ event, basePath }) => {
      const { statusCode, body } = await (await handlerOf(basePath))(event)
      expect([statusCode, body]).toMatchObject([200, { hits: [{ id: 'weave/twill#1' }] }])
    },
  )

  it.each([
    ['the stage', http2('/prod', { stage: 'prod' })],
    ['the stage with a slash', http2('/prod/', { stage: 'prod' })],
  ])('and what is not there is told by the path of the app: %s', async (_, event) => {
    expect((await (await handlerOf())(event)).body.detail).toContain('nothing at /.')
  })
})

describe('a passage is found by the path of its id, whether that comes decoded or not', () => {
  it.each(ids)('%j', async (id) => {
    const ask = await handlerOf()
    const asked = [
      http2(`/v1/passages/${encodeURIComponent(id)}`),
      http2(`/prod/v1/passages/${id}`, { stage: 'prod' }),
      rest1(`/v1/passages/${id}`, { proxy: `v1/passages/${id}` }),
      loadBalancer(`/v1/passages/${encodeURIComponent(id)}`),
      http2('/prod/v1/passages', { stage: 'prod', query: new URLSearchParams({ id }).toString() }),
    ]
    for (const event of asked) expect(await ask(event)).toMatchObject({ statusCode: 200, body: { id } })
  })
})

it('what is no event of HTTP is refused with the way to call it', async () => {
  const ask = await handlerOf()
  for (const event of [{}, { key1: 'value1' }, { source: 'aws.events' }]) {
    await expect(ask(event)).rejects.toMatchObject({
      code: 'INPUT',
      message: expect.stringContaining('an API gateway'),
    })
  }
})

it('a base path is a beginning of paths', () => {
  expect(['', '/', 'docs', '/docs/', '//a/b//'].map((path) => normalBasePath(path))).toEqual([
    '',
    '',
    '/docs',
    '/docs',
    '/a/b',
  ])
  for (const path of ['/a?b', '/a b', 'https://a.example/b']) expect(() => normalBasePath(path)).toThrow('no base path')
})

it('an event is not changed, but copied', () => {
  const event = http2('/prod/v1/search', { stage: 'prod' })
  expect(withAppPath(event, '').rawPath).toBe('/v1/search')
  expect(event.rawPath).toBe('/prod/v1/search')
})
