/** What the made-up passages of a grown index are made of: the tokens of one real passage, or phrases of many that are near each other. */
import { contentOrder } from '../../builder/segment/passageOrder.ts'
import { type Random, seededRandom } from '../../builder/segment/sampling.ts'
import type { VectorStore } from '../../builder/stores/vectorStore.ts'
import { InputError } from '../../format/errors.ts'

/** `copies`: near-duplicates, all tokens of one passage. `phrases`: of passages near each other, so that none is a copy of any. */
export const MADE_OF = ['copies', 'phrases'] as const
export type MadeOf = (typeof MADE_OF)[number]

/** Tokens that are taken together: what they mean, they mean beside each other. */
const PHRASE_TOKENS = 8
/** Passages on either side, by content, whose phrases a passage is made of. */
const NEAR_PASSAGES = 8

/** @throws InputError */
export function madeOfOption(text: string): MadeOf {
  const found = MADE_OF.find((name) => name === text)
  if (found) return found
  throw new InputError(`--made-of: expected ${MADE_OF.join(' or ')}, got "${text}".`)
}

export interface Growth {
  readonly madeOf: MadeOf
  /** Made of each passage, itself included. */
  readonly copies: number
  readonly seed: number
}

/** @returns of every passage its tokens, as rows of the store: the real ones, then so many made from each, round by round */
export async function grownPassages(
  store: VectorStore,
  { madeOf, copies, seed }: Growth,
): Promise<readonly Uint32Array[]> {
  const real = realPassages(store.passageLengths)
  const make =
    madeOf === 'copies' ? (pid: number) => real[pid]! : phraseMaker(real, await contentOrder(store, {}), seed)
  return Array.from({ length: copies }, (_, copy) => (copy === 0 ? real : real.map((_, pid) => make(pid)))).flat()
}

/** Grown passages as a store of unperturbed rows, for ordering them by content. */
export function grownStore(
  store: VectorStore,
  vectors: Float32Array,
  passages: readonly Uint32Array[],
): Omit<VectorStore, 'readQueries'> {
  const { dim } = store
  let pid = 0
  let before = 0
  return {
    dim,
    tokens: passages.reduce((sum, { length }) => sum + length, 0),
    ids: passages.map((_, at) => String(at)),
    passageLengths: Uint16Array.from(passages, ({ length }) => length),
    async readRows(first, rows, target) {
      if (first < before) pid = before = 0
      for (let row = first; row < first + rows; row++) {
        while (row >= before + passages[pid]!.length) before += passages[pid++]!.length
        const from = passages[pid]![row - before]! * dim
        target.set(vectors.subarray(from, from + dim), (row - first) * dim)
      }
    },
    close: async () => undefined,
  }
}

function realPassages(lengths: Uint16Array): readonly Uint32Array[] {
  let first = 0
  return Array.from(lengths, (length) => {
    const start = first
    first += length
    return Uint32Array.from({ length }, (_, i) => start + i)
  })
}

function phraseMaker(real: readonly Uint32Array[], order: Uint32Array, seed: number): (pid: number) => Uint32Array {
  const places = new Uint32Array(order.length)
  order.forEach((pid, place) => {
    places[pid] = place
  })
  const random = seededRandom(seed)
  return (pid) => {
    const tokens = new Uint32Array(real[pid]!.length)
    for (let at = 0; at < tokens.length; at += PHRASE_TOKENS) {
      const rows = Math.min(PHRASE_TOKENS, tokens.length - at)
      const from = real[order[near(places[pid]!, order.length, random)]!]!
      tokens.set(phrase(from.length === 0 ? real[pid]! : from, rows, random), at)
    }
    return tokens
  }
}

function near(place: number, passages: number, random: Random): number {
  const first = Math.max(0, Math.min(place - NEAR_PASSAGES, passages - 2 * NEAR_PASSAGES - 1))
  return first + (random() % Math.min(passages, 2 * NEAR_PASSAGES + 1))
}

/** So many tokens in a row of a passage, from a random one on; a passage that has fewer goes round. */
function phrase(tokens: Uint32Array, rows: number, random: Random): Uint32Array {
  const start = random() % Math.max(1, tokens.length - rows + 1)
  return Uint32Array.from({ length: rows }, (_, i) => tokens[(start + i) % tokens.length]!)
}
