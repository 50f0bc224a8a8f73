/**
 * Replays test/contracts/app.cases.json against the app over the toy searcher. Expected values were written by hand from
 * the route descriptions, ColBERT's server.py and DSPy's client; the offsets of marks were counted in the texts.
 *
 * In requests `${repeat:text:n}` repeats a text, `{"$row":[n, v]}` and `{"$rows":[n, dim, v]}` make lists. In bodies
 * objects match in part, lists whole; `$contains`, `$lacks`, `$type`, `$length`, `$absent` say more. A header matches when
 * it contains the text; null means that it must not be there.
 */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { QueryEncoder } from '../../encoder/encoder.ts'
import { FormatError, NotFoundError } from '../../format/errors.ts'
import { type App, type AppOptions, createApp } from '../../runtime/http/index.ts'
import type { Searcher } from '../../runtime/searcher.ts'
import { createToySearcher, ToyEncoder, toyPassages } from './toySearcher.ts'

interface Case {
  readonly name: string
  readonly app?: string
  readonly request: {
    readonly path: string
    readonly method?: string
    readonly headers?: Record<string, string>
    readonly json?: unknown
    readonly body?: string
  }
  readonly status: number
  readonly headers?: Record<string, string | null>
  readonly body?: unknown
}

const cases = JSON.parse(readFileSync(new URL('../contracts/app.cases.json', import.meta.url), 'utf8')) as Case[]

/** The apps that cases name by `app`. */
async function createCaseApp(name: string): Promise<App> {
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
  return createApp({ indexes: toy, encoder, page, version: '1.2.3', ...variant })
}

/** An encoder that runs elsewhere, as `createRemoteEncoder` gives it. */
function queriesOnly(encoder: ToyEncoder): QueryEncoder {
  const { fingerprint } = encoder
  return { fingerprint, encodeQuery: (text) => encoder.encodeQuery(text), close: async () => {} }
}

function expandText(text: string): string {
  return text.replace(/\$\{repeat:([^:]*):(\d+)\}/g, (_, part: string, count: string) => part.repeat(Number(count)))
}

function expand(value: unknown): unknown {
  if (typeof value === 'string') return expandText(value)
  if (Array.isArray(value)) return value.map(expand)
  if (typeof value !== 'object' || value === null) return value
  if ('$row' in value) {
    const [count, entry] = value.$row as [number, unknown]
    return Array.from({ length: count }, () => entry)
  }
  if ('$rows' in value) {
    const [count, dim, entry] = value.$rows as [number, number, number]
    return Array.from({ length: count }, () => Array.from({ length: dim }, () => entry))
  }
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, expand(entry)]))
}

function expectMatch(actual: unknown, wanted: unknown, path: string): void {
  if (Array.isArray(wanted)) {
    expect(actual, path).toHaveLength(wanted.length)
    for (const [i, entry] of wanted.entries()) expectMatch((actual as unknown[])[i], entry, `${path}[${i}]`)
  } else if (typeof wanted === 'object' && wanted !== null) {
    const { $contains, $lacks, $type, $length, $absent, ...fields } = wanted as Record<string, unknown>
    for (const part of ($contains as string[] | undefined) ?? []) expect(actual, path).toContain(part)
    for (const part of ($lacks as string[] | undefined) ?? []) expect(actual, path).not.toContain(part)
    if ($type) expect(typeof actual, path).toBe($type)
    if ($length !== undefined) expect(actual, path).toHaveLength($length as number)
    if ($absent) expect(actual, path).toBeUndefined()
    for (const [key, entry] of Object.entries(fields)) {
      expectMatch((actual as Record<string, unknown>)?.[key], entry, `${path}.${key}`)
    }
    if (Object.keys(wanted).length === 0) expect(actual, path).toBeTypeOf('object')
  } else {
    expect(actual, path).toEqual(wanted)
  }
}

describe('the app', () => {
  it.each(cases)('$name', async ({ app = 'toy', request, status, headers = {}, body }) => {
    const { path, method, headers: sent, json, body: raw } = request
    const response = await (await createCaseApp(app)).request(expandText(path), {
      method,
      headers: sent,
      body: json === undefined ? raw : JSON.stringify(expand(json)),
    })
    const text = await response.text()
    expect(response.status, text).toBe(status)
    for (const [name, wanted] of Object.entries(headers)) {
      if (wanted === null) expect(response.headers.has(name), name).toBe(false)
      else expect(response.headers.get(name), name).toContain(wanted)
    }
    if (body !== undefined) expectMatch(JSON.parse(text), body, 'body')
  })
})
