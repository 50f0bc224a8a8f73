/**
 * A bag-of-words Searcher and Encoder over a handful of texts, for tests of the HTTP app and the page: each word is one
 * token, equal words have similarity 1, different ones 0.1, so that expected ranks and marks follow by hand.
 */
import type { EncodedText, Encoder, EncoderFingerprint, TextSpan } from '../../encoder/encoder.ts'
import { encodedTextOf } from '../../encoder/passageText.ts'
import { InputError, NotFoundError } from '../../format/errors.ts'
import { resolveParameters } from '../../runtime/search/parameters.ts'
import type { Place, QueryVectors, Searcher, SearchHit, StoredPassage, TokenMatch } from '../../runtime/searcher.ts'

export const TOY_DIM = 256
const QUERY_ROWS = 32

export const toyFingerprint: EncoderFingerprint = {
  model: 'toy-words',
  modelSha256: '0'.repeat(64),
  weightsSha256: '1'.repeat(64),
  tokenizerSha256: '2'.repeat(64),
  dim: TOY_DIM,
  queryMarker: '[Q]',
  passageMarker: '[D]',
  queryLength: QUERY_ROWS,
  passageLength: 300,
  attendToMask: false,
  skipList: [],
}

/** Words in order of first use stand on axes of their own: no seeds, no chance. */
export class ToyEncoder implements Encoder {
  readonly fingerprint = toyFingerprint
  readonly #axes = new Map<string, number>()

  async encodeQuery(text: string): Promise<EncodedText> {
    const spans = wordSpans(text).slice(0, QUERY_ROWS - 1)
    return this.#encode(text, [undefined, ...spans], QUERY_ROWS)
  }

  async encodePassages(texts: readonly string[]): Promise<readonly EncodedText[]> {
    return texts.map((text) => this.#encode(text, this.passageSpans(text)))
  }

  countPassageTokens(text: string): number {
    return this.passageSpans(text).length
  }

  countTokens(text: string, tokensMax = Number.POSITIVE_INFINITY): number {
    return Math.min(wordSpans(text).length, tokensMax)
  }

  passageSpans(text: string): readonly (TextSpan | undefined)[] {
    return [undefined, ...wordSpans(text)]
  }

  async close(): Promise<void> {}

  #encode(text: string, spans: readonly (TextSpan | undefined)[], rows = spans.length): EncodedText {
    const vectors = new Float32Array(rows * TOY_DIM)
    const padded = Array.from({ length: rows }, (_, i) => spans[i])
    for (const [row, span] of padded.entries()) {
      const word = span ? text.slice(span.start, span.end).toLowerCase() : '[CLS]'
      // Every vector shares 0.1 of common ground with every other; [CLS] and [MASK] answer only [CLS], which marks nothing.
      vectors[row * TOY_DIM + (span ? this.#axis(word) : 0)] = Math.sqrt(0.9)
      vectors[row * TOY_DIM + TOY_DIM - 1] = Math.sqrt(0.1)
    }
    return { vectors, rows, dim: TOY_DIM, spans: padded }
  }

  /** Axes are used again after 253 words: enough for the texts here. */
  #axis(word: string): number {
    const known = this.#axes.get(word)
    if (known !== undefined) return known
    const axis = 1 + (this.#axes.size % (TOY_DIM - 2))
    this.#axes.set(word, axis)
    return axis
  }
}

function wordSpans(text: string): TextSpan[] {
  return [...text.matchAll(/[\p{L}\p{N}]+/gu)].map(({ 0: word, index }) => ({ start: index, end: index + word.length }))
}

export type ToyPassage = Omit<StoredPassage, 'place'>

/** Exact MaxSim over every passage; `counts` are the number of passages. */
export async function createToySearcher(
  name: string,
  encoder: ToyEncoder,
  passages: readonly ToyPassage[],
  options: { hasTexts?: boolean } = {},
): Promise<Searcher> {
  const encoded = await encoder.encodePassages(passages.map(encodedTextOf))
  const placeOf = (pid: number): Place => ({ segment: 0, pid, opening: 0 })
  const stored = passages.map((passage, pid): StoredPassage => {
    const place = placeOf(pid)
    return options.hasTexts === false ? { id: passage.id, place } : { ...passage, place }
  })
  const matchPassage = (query: QueryVectors, pid: number): TokenMatch => maxSim(query, encoded[pid]!)
  const searcher: Searcher = {
    info: {
      name,
      generation: 3,
      revision: 'toy-1',
      passages: passages.length,
      segments: [passages.length],
      tokens: encoded.reduce((sum, { rows }) => sum + rows, 0),
      dim: TOY_DIM,
      nbits: 2,
      centroids: 16,
      bytes: 12_345,
      hasTexts: options.hasTexts ?? true,
      pipeline: 'resident',
      encoder: toyFingerprint,
    },
    async search(query, { k = 10, filter, ...given } = {}) {
      if (query.dim !== TOY_DIM) throw new InputError(`expected dim ${TOY_DIM}, got ${query.dim}`)
      const scored = passages.map(({ id }, pid) => {
        return { id, pid, score: matchPassage(query, pid).scores.reduce((sum, score) => sum + score, 0) }
      })
      const hits = scored
        .filter(({ id }) => !filter || (typeof filter === 'function' ? filter(id) : filter.includes(id)))
        .sort((a, b) => b.score - a.score || a.pid - b.pid)
        .slice(0, k)
        .map(({ id, pid, score }, i): SearchHit => ({ id, place: placeOf(pid), score, rank: i + 1 }))
      const counts = { candidates: passages.length, approximated: passages.length, rescored: hits.length }
      const parameters = resolveParameters({ ...given, k })
      return { hits, parameters: { pipeline: 'resident', ...parameters }, counts, generation: 3 }
    },
    searchMany: (queries, options) => Promise.all(queries.map((query) => searcher.search(query, options))),
    async passage(id) {
      const found = stored.find((passage) => passage.id === id)
      if (!found) throw new NotFoundError(`/secret/path/of/part: no "${id}"`)
      return found
    },
    passages: async (places) => places.map(({ pid }) => stored[pid]!),
    matchTokens: async (query, places) => places.map(({ pid }) => matchPassage(query, pid)),
    withSnapshot(work) {
      return work(this)
    },
    refresh: async () => false,
  }
  return searcher
}

function maxSim(query: QueryVectors, passage: EncodedText): TokenMatch {
  const tokens = new Uint32Array(query.rows)
  const scores = new Float32Array(query.rows)
  for (let row = 0; row < query.rows; row++) {
    let best = -Infinity
    for (let token = 0; token < passage.rows; token++) {
      let score = 0
      for (let d = 0; d < TOY_DIM; d++)
        score += query.vectors[row * TOY_DIM + d]! * passage.vectors[token * TOY_DIM + d]!
      if (score > best) {
        best = score
        tokens[row] = token
        scores[row] = score
      }
    }
  }
  return { tokens, scores }
}

/** Written for these tests. */
export const toyPassages: readonly ToyPassage[] = [
  {
    id: 'weave/twill#1',
    title: 'Twill weave',
    text: 'Tartan is woven in a simple two-over, two-under twill. Each weft thread steps one warp thread further, and the steps draw the diagonal lines that make the cloth drape softly and wear well.',
    metadata: { section: 'weaving', page: 12 },
  },
  {
    id: 'sett',
    title: 'The sett',
    text: 'The sequence of coloured threads is called a sett. Warp and weft follow the same sett, so that two colours give three shades: each colour pure, and their mixture where they cross.',
  },
  {
    id: 'dyes',
    title: 'Natural dyes',
    text: 'Before chemical dyes, weavers boiled wool with lichen for orange and purple, with woad or indigo for blue, and with the roots of lady’s bedstraw for red. Alum fixed the colour.',
  },
  {
    id: 'loom',
    title: 'Hand loom',
    text: 'A hand loom holds the warp under tension while the weaver throws a shuttle with the weft. Treadles lift the shafts in turn; the order of treadles is the pattern of the cloth.',
  },
  {
    id: 'register',
    title: 'Register of tartans',
    text: 'A public register records setts with their names, designers and dates. Anyone may search it, and anyone may submit a new design if it is different enough from those that are recorded.',
  },
  {
    id: 'falkirk',
    title: 'The Falkirk cloth',
    text: 'A small piece of checked cloth was found in a jar of Roman coins near the Antonine Wall. It dates from the third century and shows two undyed shades of brown wool.',
  },
  {
    id: 'html',
    title: 'Markup <b>in</b> texts & "titles"',
    text: 'A careless page would run <img src=x onerror="document.title=\'hacked\'"> or <script>document.title="hacked"</script> from a passage. Shown as text it is harmless.',
  },
  {
    id: 'zürich/ä?&%',
    title: '',
    text: 'In Zürich the weaving mills of the nineteenth century made silk rather than wool. The naïve visitor may still look for plaid; the museum shows ribbons.',
  },
  {
    id: 'long',
    title: 'A long history',
    text: `${'The history of woven wool in the highlands is long and was told many times by many people. '.repeat(12)}Only at its end does the word selvedge appear, which is the edge of the cloth that does not fray.`,
  },
]
