/** The apps that app.cases.json names, with nothing of any host in them: over the toy searcher, some of them broken. */
import type { QueryEncoder } from '../../encoder/encoder.ts'
import { FormatError, NotFoundError } from '../../format/errors.ts'
import { type App, type AppOptions, createApp } from '../../runtime/http/index.ts'
import type { Searcher } from '../../runtime/searcher.ts'
import { createToySearcher, ToyEncoder, toyPassages } from '../http/toySearcher.ts'

/** Names the app of a request where many are served at one address. */
export const CASE_APP_HEADER = 'x-case-app'

/** A host's only handler in the conformance tests. */
export function createCaseHandler(): (request: Request) => Promise<Response> {
  const apps = new Map<string, App>()
  return async (request) => {
    const name = request.headers.get(CASE_APP_HEADER) ?? 'toy'
    const app = apps.get(name) ?? (await createCaseApp(name))
    apps.set(name, app)
    return app.fetch(request)
  }
}

/** @throws Error for a name that is not here */
export async function createCaseApp(name: string): Promise<App> {
  const encoder = new ToyEncoder()
  const toy = await createToySearcher('toy', encoder, toyPassages)
  const failing = (search: Searcher['search']): Searcher => ({ ...toy, search })
  const second = await createToySearcher('anything', encoder, [{ id: 'only', text: 'Another text.' }])
  const variants: Record<string, Partial<AppOptions>> = {
    toy: {},
    noEncoder: { encoder: undefined, page: undefined },
    noTexts: { indexes: await createToySearcher('toy', encoder, toyPassages, { hasTexts: false }) },
    two: { indexes: { first: toy, second } },
    proto: { indexes: Object.fromEntries([['__proto__', toy]]) },
    empty: { indexes: {} },
    queriesOnly: { encoder: queriesOnly(encoder) },
    otherModel: {
      indexes: { ...toy, info: { ...toy.info, encoder: { ...encoder.fingerprint, weightsSha256: 'f'.repeat(64) } } },
    },
    damaged: { indexes: failing(() => Promise.reject(new FormatError('/srv/secret/codes', '1', '2'))) },
    missingPart: { indexes: failing(() => Promise.reject(new NotFoundError('/srv/secret/part is missing'))) },
    bug: { indexes: failing(() => Promise.reject(new TypeError('/srv/secret is undefined'))) },
    slow: { indexes: failing(() => new Promise(() => {})), timeoutMs: 20 },
    cors: { origins: ['https://docs.example.org'] },
  }
  const variant = variants[name]
  if (!variant) throw new Error(`app.cases.json names an app "${name}" that is not here`)
  const page = '<!doctype html><style>p{}</style><script type="module">1</script>'
  return createApp({ indexes: toy, encoder, page, ...variant })
}

/** An encoder that runs elsewhere, as `createRemoteEncoder` gives it. */
function queriesOnly(encoder: ToyEncoder): QueryEncoder {
  const { fingerprint } = encoder
  return { fingerprint, encodeQuery: (text) => encoder.encodeQuery(text), close: async () => {} }
}
