/**
 * Replays app.cases.json. Expected values were written by hand from the route descriptions, ColBERT's server.py and DSPy's client;
 * the offsets of marks were counted in the texts.
 *
 * In requests `${repeat:text:n}` repeats a text, `{"$row":[n, v]}` and `{"$rows":[n, dim, v]}` make lists. In bodies
 * objects match in part, lists whole; `$contains`, `$lacks`, `$type`, `$length`, `$absent` say more. A header matches when
 * it contains the text; null means that it must not be there. `skip` gives hosts that cannot, each with its reason.
 */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { CASE_APP_HEADER } from './caseApps.ts'

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
  /** Host → why the case says nothing there. */
  readonly skip?: Readonly<Record<string, string>>
}

const cases = JSON.parse(readFileSync(new URL('./app.cases.json', import.meta.url), 'utf8')) as Case[]

/** @param send - path and request to the host's handler, e.g. `(path, init) => fetch(url + path, init)` */
export function replayCases(host: string, send: (path: string, init: RequestInit) => Promise<Response>): void {
  describe(`the app on ${host}`, () => {
    it.each(cases.filter(({ skip }) => skip?.[host] === undefined))('$name', async (one) => {
      const { app = 'toy', request, status, headers = {}, body } = one
      const { path, method, headers: sent, json, body: raw } = request
      const response = await send(expandText(path), {
        ...(method === undefined ? {} : { method }),
        headers: { ...sent, [CASE_APP_HEADER]: app },
        ...(json === undefined && raw === undefined
          ? {}
          : { body: json === undefined ? raw : JSON.stringify(expand(json)) }),
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
