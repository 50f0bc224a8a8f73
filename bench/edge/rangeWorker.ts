/** A Worker that opens one index when it is told to and searches it; for measuring what it holds and how long it takes. */
import kernels from '../../assembly/build/kernels.wasm'
import { httpFiles } from '../../runtime/readers/http.ts'
import type { OpenedIndex } from '../../runtime/searchers/indexSearcher.ts'
import { openIndexFiles } from '../../runtime/searchers/openIndexFiles.ts'

export interface OpenTask {
  readonly indexUrl: string
  readonly memoryMax: number
  readonly pipeline?: 'resident' | 'range' | 'auto'
}

export interface OpenReport {
  readonly pipeline: string
  readonly wasmBytes: number
}

export interface SearchTask {
  readonly dim: number
  readonly rows: number
  /** f32[rows][dim], little-endian, base64. */
  readonly vectors: string
}

export interface SearchReport {
  readonly first: string | undefined
  readonly bytes: number
  readonly reads: number
  readonly rounds: number
  readonly skipped: boolean
  readonly wasmBytes: number
}

/** What stays open until the Worker ends. */
const open: { searcher?: OpenedIndex } = {}

export default {
  async fetch(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url)
    if (pathname === '/open') {
      const { indexUrl, ...options } = (await request.json()) as OpenTask
      open.searcher = await openIndexFiles(httpFiles(indexUrl), { kernels, ...options })
      const { pipeline, memoryBytes } = open.searcher
      return Response.json({ pipeline, wasmBytes: memoryBytes } satisfies OpenReport)
    }
    if (pathname === '/search') return Response.json(await search((await request.json()) as SearchTask))
    // With V8's --expose-gc. Buffers go in the second round.
    const { gc } = globalThis as { gc?: () => void }
    gc?.()
    gc?.()
    return new Response('ready')
  },
}

async function search({ dim, rows, vectors }: SearchTask): Promise<SearchReport> {
  const { searcher } = open
  if (!searcher) throw new Error('no index was opened')
  const bytes = Uint8Array.from(atob(vectors), (character) => character.charCodeAt(0))
  const { hits, storage, skipped } = await searcher.search({ dim, rows, vectors: new Float32Array(bytes.buffer) })
  return {
    first: hits[0]?.id,
    bytes: storage?.bytes ?? 0,
    reads: storage?.reads ?? 0,
    rounds: storage?.rounds ?? 0,
    skipped: skipped !== undefined,
    wasmBytes: searcher.memoryBytes,
  }
}
