/** Tiers over HTTP, on a real searcher of a small index. */
import { beforeAll, describe, expect, it } from 'vitest'
import { encodeManifest, MANIFEST_NAME } from '../../format/manifest/manifest.ts'
import { createApp } from '../../runtime/http/index.ts'
import { compileKernels } from '../../runtime/platform/node/nodeKernels.ts'
import { memoryFiles } from '../../runtime/readers/memory.ts'
import type { Searcher } from '../../runtime/searcher.ts'
import { openIndexFiles, openSearcher } from '../../runtime/searchers/openIndexFiles.ts'
import { someTiers } from '../format/someTiers.ts'
import { tinyIndex } from '../format/tinyIndex.ts'

let tuned: Searcher
let plain: Searcher

async function searcherOf(tiers: typeof someTiers | undefined): Promise<Searcher> {
  const { files, manifest } = await tinyIndex({ lengths: [5, 6, 7] })
  if (tiers) files.set(MANIFEST_NAME, encodeManifest({ ...manifest, tiers }))
  return openSearcher(memoryFiles('tiny', files), { kernels: await compileKernels() })
}

beforeAll(async () => {
  tuned = await searcherOf(someTiers)
  plain = await searcherOf(undefined)
})

const vectors = [new Array(32).fill(0.125)]
async function post(app: ReturnType<typeof createApp>, body: Record<string, unknown>) {
  const response = await app.request('/v1/search', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ vectors, ...body }),
  })
  return { status: response.status, body: (await response.json()) as Record<string, unknown> }
}

describe('POST /v1/search', () => {
  it.each([
    [{}, { pipeline: 'resident', tier: 'balanced', ncells: 2, centroidScoreThreshold: 0.4, ndocs: 400 }],
    [
      { tier: 'fast', k: 50 },
      { pipeline: 'resident', tier: 'fast', ncells: 3, centroidScoreThreshold: 0.45, ndocs: 512 },
    ],
    [
      { tier: 'exact', ncells: 1 },
      { pipeline: 'resident', tier: 'exact', ncells: 1, centroidScoreThreshold: -1, ndocs: 1024 },
    ],
  ])('with %j says what was used', async (request, parameters) => {
    const { status, body } = await post(createApp({ indexes: tuned }), request)
    expect([status, body.parameters]).toEqual([200, parameters])
  })

  it('uses the tier of the server where the request names none', async () => {
    const app = createApp({ indexes: tuned, tier: 'exact' })
    expect((await post(app, {})).body.parameters).toMatchObject({ tier: 'exact', ndocs: 1024 })
    expect((await post(app, { tier: 'fast' })).body.parameters).toMatchObject({ tier: 'fast', ndocs: 64 })
  })

  it('answers with a problem when the index has no tiers, saying how to get some', async () => {
    const app = createApp({ indexes: plain })
    expect((await post(app, {})).body.parameters).toEqual({
      ...{ pipeline: 'resident', ncells: 1, centroidScoreThreshold: 0.5, ndocs: 256 },
    })
    const { status, body } = await post(app, { tier: 'fast' })
    expect([status, body.code, body.detail]).toEqual([400, 'INPUT', expect.stringContaining('tartan tune')])
  })

  it.each(['quick', '', 7, null])('refuses the tier %j, naming those there are', async (tier) => {
    const { status, body } = await post(createApp({ indexes: tuned }), { tier })
    expect([status, body.code]).toEqual([400, 'INPUT'])
    expect(body.detail).toMatch(/"tier".*fast, balanced, exact/)
  })
})

describe('the app', () => {
  it('does not start with a tier that an index lacks', () => {
    expect(() => createApp({ indexes: { tuned, plain }, tier: 'fast' })).toThrow(/has no tiers/)
  })

  it('does not start with a tier for an index that is read by range, and serves it without one', async () => {
    const { files, manifest } = await tinyIndex({ lengths: [5, 6, 7] })
    files.set(MANIFEST_NAME, encodeManifest({ ...manifest, tiers: someTiers }))
    const range = await openIndexFiles(memoryFiles('tiny', files), {
      kernels: await compileKernels(),
      pipeline: 'range',
    })
    expect(() => createApp({ indexes: range, tier: 'exact' })).toThrow(/read by range/)
    const app = createApp({ indexes: range })
    expect((await post(app, {})).status).toBe(200)
    expect((await post(app, { tier: 'exact' })).status).toBe(400)
    await range.close()
  })

  it('refuses a wrong tier in a query string', async () => {
    const response = await createApp({ indexes: tuned }).request('/v1/search?q=a&tier=quick')
    expect(response.status).toBe(400)
  })

  it('shows the tiers of its indexes and describes them in its document', async () => {
    const app = createApp({ indexes: { tuned, plain } })
    const { indexes } = (await (await app.request('/v1/indexes')).json()) as { indexes: Record<string, unknown>[] }
    expect(indexes[0]!.tiers).toEqual(someTiers)
    expect('tiers' in indexes[1]!).toBe(false)
    const document = (await (await app.request('/openapi.json')).json()) as {
      components: { schemas: Record<string, { oneOf: { properties: Record<string, { enum?: string[] }> }[] }> }
    }
    const [first] = document.components.schemas.SearchRequest!.oneOf
    expect(first!.properties.tier!.enum).toEqual(['fast', 'balanced', 'exact'])
    expect(document.components.schemas.Tier).toBeDefined()
  })
})
