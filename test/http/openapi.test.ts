/** The OpenAPI document against the app: Ajv, which has no part in the app's own checks, reads the schemas. */
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { type App, createApp } from '../../runtime/http/index.ts'
import { createToySearcher, TOY_DIM, ToyEncoder, toyPassages } from './toySearcher.ts'

interface Document {
  readonly openapi: string
  readonly paths: Record<string, Record<string, Operation>>
  readonly components: { readonly schemas: Record<string, object> }
}

interface Operation {
  readonly parameters?: { name: string; required?: boolean; schema: object }[]
  readonly responses: Record<string, { content?: Record<string, unknown>; headers?: Record<string, unknown> }>
}

let app: App
let document: Document
let ajv: Ajv2020

beforeAll(async () => {
  const encoder = new ToyEncoder()
  app = createApp({ indexes: await createToySearcher('toy', encoder, toyPassages), encoder })
  document = (await (await app.request('/openapi.json')).json()) as Document
  ajv = new Ajv2020({ strict: false })
  ajv.addSchema(document, 'openapi')
})

const schemaOf = (name: string): ValidateFunction =>
  ajv.getSchema(`openapi#/components/schemas/${name}`) as ValidateFunction

function post(path: string, body: unknown): Promise<Response> | Response {
  return app.request(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
}

const row = (length: number, value: number) => Array.from({ length }, (_, i) => (i === 3 ? value : 0))

/** Values of a field, right ones first: `chance` then takes those, a wrong one, or leaves the field out. */
const fields = {
  query: ['twill', 'a'.repeat(8192), '🧵'.repeat(5000), '', ' \n\u0007', '\ufffd', 'a'.repeat(8193), 7, null],
  vectors: [
    [row(TOY_DIM, 1)],
    [row(TOY_DIM, -0.5), row(TOY_DIM, 1)],
    [],
    [[]],
    [row(TOY_DIM, 0)],
    [row(TOY_DIM, 1), row(TOY_DIM, 0)],
    [row(TOY_DIM - 1, 1)],
    [row(TOY_DIM, 1e39)],
    [['a']],
    'twill',
  ],
  k: [1, 1000, 0, 1001, 1.5, '3'],
  index: ['toy', 'x'.repeat(1025), 3],
  filter: [[], ['sett'], ['sett', 3], 'sett'],
  ids: [[], ['sett', 'gone'], [1]],
  texts: [['warp and weft'], ['', '…'], [], [3], 'weft', ['a'.repeat(32_769)]],
  ncells: [1, 64, 0, 65],
  centroidScoreThreshold: [-1, 0.5, 1.01],
  ndocs: [1, 16_384, 16_385],
  budget: [{}, { bytes: 1 }, { bytes: 0 }, { other: 1 }],
  deadlineMs: [600_000, 0],
  highlight: [true, false, 'true'],
  kind: ['query', 'passage', 'other'],
  encodingFormat: ['float', 'base64', 'int8'],
  other: [1],
} as const

/** Bodies that have some of the fields named, mostly with a right value. */
function bodies(names: readonly (keyof typeof fields)[], renamed: Readonly<Record<string, readonly unknown[]>> = {}) {
  const entry = (name: keyof typeof fields) => {
    const values: readonly unknown[] = renamed[name] ?? fields[name]
    return fc.oneof(
      { weight: 3, arbitrary: fc.constant(undefined) },
      { weight: 4, arbitrary: fc.constantFrom(...values.slice(0, 2)) },
      { weight: 1, arbitrary: fc.constantFrom(...values) },
    )
  }
  return fc.record(Object.fromEntries(names.map((name) => [name, entry(name)])))
}

const requests = {
  SearchRequest: {
    path: '/v1/search',
    bodies: bodies(
      [
        ...(['query', 'vectors', 'k', 'index', 'filter', 'ncells', 'centroidScoreThreshold', 'ndocs'] as const),
        ...(['budget', 'deadlineMs', 'texts', 'highlight', 'other'] as const),
      ],
      { texts: [true, false, 'true'] },
    ),
  },
  RerankRequest: { path: '/v1/rerank', bodies: bodies(['query', 'vectors', 'ids', 'texts', 'index', 'k']) },
  EncodeRequest: { path: '/v1/encode', bodies: bodies(['texts', 'kind', 'encodingFormat', 'other']) },
  ColbertRequest: { path: '/api/search', bodies: bodies(['query', 'k', 'index'], { k: [1, 100, 0, 101] }) },
}

describe('the OpenAPI document', () => {
  it.each(Object.entries(requests))('admits exactly the bodies that the app takes: %s', async (name, asked) => {
    const validate = schemaOf(name)
    const seen = new Set<boolean>()
    await fc.assert(
      fc.asyncProperty(asked.bodies, async (given) => {
        const body = JSON.parse(JSON.stringify(given)) as object
        const response = await post(asked.path, body)
        seen.add(response.ok)
        expect(response.status < 500, JSON.stringify(body)).toBe(true)
        expect(response.status !== 400, JSON.stringify(body).slice(0, 500)).toBe(validate(body))
      }),
      { seed: 11, numRuns: 250 },
    )
    expect([...seen].sort()).toEqual([false, true])
  })

  it('says with oneOf which fields exclude each other, each variant with what it requires', () => {
    const variantsOf = (name: string) => {
      const { oneOf } = document.components.schemas[name] as {
        oneOf: { properties: object; required: string[]; additionalProperties: boolean }[]
      }
      return oneOf.map(({ required, additionalProperties }) => {
        expect(additionalProperties).toBe(false)
        return required.sort().join(' ')
      })
    }
    expect(variantsOf('SearchRequest')).toEqual(['query', 'vectors'])
    expect(variantsOf('RerankRequest')).toEqual(['ids query', 'query texts', 'ids vectors', 'texts vectors'])
    expect(variantsOf('EncodeRequest')).toEqual(['kind texts', 'texts'])
  })

  it('leaves out what no index here takes, and asks for vectors of their dim', () => {
    const { oneOf } = document.components.schemas.SearchRequest as { oneOf: { properties: object }[] }
    // The toy is in memory and was never tuned.
    for (const name of ['lists', 'passages', 'tier']) expect(oneOf[0]!.properties).not.toHaveProperty(name)
    expect(document.components.schemas.QueryVectors).toMatchObject({
      items: { minItems: TOY_DIM, maxItems: TOY_DIM },
    })
  })

  it('gives GET /v1/search one name for the query, required', () => {
    const names = document.paths['/v1/search']!.get!.parameters!.map(({ name, required }) => [name, required === true])
    expect(names).toEqual([
      ['q', true],
      ['k', false],
      ['index', false],
      ['texts', false],
      ['highlight', false],
    ])
  })

  it('is OpenAPI 3.1 and has every problem of a search, with Retry-After where asking again may help', () => {
    expect(document.openapi).toBe('3.1.0')
    for (const path of ['/v1/search', '/v1/rerank', '/v1/encode', '/api/search']) {
      const { responses } = document.paths[path]!.post!
      for (const status of ['400', '404', '409', '413', '415', '500', '502', '503', '504', 'default']) {
        expect(Object.keys(responses[status]?.content ?? {}), `${path} ${status}`).toEqual(['application/problem+json'])
      }
      expect(responses['503']!.headers).toHaveProperty('Retry-After')
    }
    expect(document.paths['/v1/search']!.get!.responses['304']).toBeDefined()
  })

  it('describes answers as they come', async () => {
    const answers = [
      ['SearchAnswer', await post('/v1/search', { query: 'twill', highlight: true })],
      ['RerankAnswer', await post('/v1/rerank', { query: 'twill', ids: ['sett', 'gone'] })],
      ['EncodeAnswer', await post('/v1/encode', { texts: ['twill'] })],
      ['ColbertAnswer', await post('/api/search', { query: 'twill' })],
      ['Indexes', await app.request('/v1/indexes')],
      ['Problem', await post('/v1/search', {})],
    ] as const
    for (const [name, response] of answers) {
      const validate = schemaOf(name)
      expect(validate(await response.json()), `${name} ${ajv.errorsText(validate.errors)}`).toBe(true)
    }
  })

  it('refuses rows of zeros, which are near to nothing', async () => {
    const response = await post('/v1/search', { vectors: [row(TOY_DIM, 1), row(TOY_DIM, 0)] })
    expect([response.status, await response.text()]).toEqual([400, expect.stringContaining('\\"vectors\\"[1]')])
  })
})
