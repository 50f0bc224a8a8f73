/** Files that the encoder's tests share: the bundled model and the golden cases (test/golden/encoder/README.md). */
import { readFileSync } from 'node:fs'
import type { EncoderSession } from '../../encoder/encoder.ts'
import { loadModelManifest, type ModelManifest } from '../../encoder/modelManifest.ts'

export interface GoldenCase {
  readonly kind: 'query' | 'passage'
  readonly text: string
  readonly input_ids: readonly number[]
  readonly attention_mask: readonly number[]
  readonly keep: readonly boolean[]
  /** First row of the case in the vector files. */
  readonly row: number
  readonly rows: number
}

const model = new URL('../../models/tartan-small/', import.meta.url)
const golden = new URL('../golden/encoder/', import.meta.url)

export function readTokenizerJson(): string {
  return readFileSync(new URL('tokenizer.json', model), 'utf8')
}

export function readManifest(): ModelManifest {
  return loadModelManifest(readFileSync(new URL('manifest.json', model), 'utf8'))
}

export function readGoldenJson<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(name, golden), 'utf8')) as T
}

export function readGoldenCases(): readonly GoldenCase[] {
  return readGoldenJson<{ cases: GoldenCase[] }>('cases.json').cases
}

/** f32[978][96] */
export function readGoldenVectors(name: 'vectors.f32' | 'vectors_int8.f32'): Float32Array {
  const bytes = readFileSync(new URL(name, golden))
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength))
}

export interface RecordedCall {
  readonly ids: readonly number[]
  readonly attention: readonly number[]
  readonly batch: number
  readonly tokens: number
}

/** A network that answers every token with the unit vector of dimension `id % dim`, and remembers what it was asked. */
export function oneHotSession(dim: number): EncoderSession & { readonly calls: RecordedCall[]; closed: boolean } {
  const calls: RecordedCall[] = []
  return {
    calls,
    closed: false,
    async run(inputIds, attentionMask, batch, tokens) {
      calls.push({ ids: Array.from(inputIds, Number), attention: Array.from(attentionMask, Number), batch, tokens })
      const vectors = new Float32Array(batch * tokens * dim)
      inputIds.forEach((id, token) => {
        vectors[token * dim + (Number(id) % dim)] = 1
      })
      return vectors
    },
    async close() {
      this.closed = true
    },
  }
}
