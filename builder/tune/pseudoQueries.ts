/**
 * Queries made from the corpus, for tuning without real ones: a title or a sentence of a passage, encoded as a query is, with marker
 * and [MASK] rows; or, without texts or encoder, rows of a passage as they are. docs/TUNING.md says how well they stand for real ones.
 */
import type { Encoder } from '../../encoder/encoder.ts'
import { QUERY_CHARACTERS_MAX } from '../../encoder/limits.ts'
import type { TitledText } from '../../encoder/passageText.ts'
import type { QueryVectors } from '../../runtime/searcher.ts'
import { type RunOptions, throwIfAborted } from '../progress.ts'
import { type Random, sampleIndices, seededRandom } from '../segment/sampling.ts'
import type { TokenRows } from './exactMaxSim.ts'

/** Rows of a query where no encoder says how many: ColBERT's query length. */
const QUERY_ROWS = 32
const SENTENCE_WORDS_MIN = 4
const SENTENCE_WORDS_MAX = 24

/** Passages that queries are made from: a seeded sample of those with tokens that are not deleted, ascending. */
export function samplePassages(
  passageLengths: Uint16Array,
  count: number,
  seed: number,
  deleted: ReadonlySet<number> = new Set(),
): readonly number[] {
  const pids = [...passageLengths.keys()].filter((pid) => (passageLengths[pid] ?? 0) > 0 && !deleted.has(pid))
  const chosen = sampleIndices(seededRandom(seed), { population: pids.length, count: Math.min(count, pids.length) })
  return Array.from(chosen, (at) => pids[at] ?? 0)
}

/** One query a passage that has words: titles and sentences by turns. */
export async function textQueries(
  passages: readonly TitledText[],
  encoder: Encoder,
  seed: number,
  options: RunOptions = {},
): Promise<readonly QueryVectors[]> {
  const random = seededRandom(seed)
  // Both wishes in their order: a title may be an icon, a sentence a row of dashes.
  const texts = passages.flatMap(
    (passage, i) => spansOf(passage, i, random).find((text) => hasWord(text, encoder)) ?? [],
  )
  const queries: QueryVectors[] = []
  for (const [i, text] of texts.entries()) {
    throwIfAborted(options.signal)
    options.onProgress?.({ stage: 'queries', done: i, total: texts.length, unit: 'queries' })
    queries.push(await encoder.encodeQuery(text))
  }
  options.onProgress?.({ stage: 'queries', done: texts.length, total: texts.length, unit: 'queries' })
  return queries
}

function hasWord(text: string, encoder: Encoder): boolean {
  return encoder.passageSpans(text).length > 0
}

/** What stands for a query, the first choice first: title or sentence by turns. */
function spansOf({ title = '', text = '' }: TitledText, turn: number, random: Random): readonly string[] {
  const sentences = sentencesOf(text)
  const sentence = sentences[random() % Math.max(1, sentences.length)] ?? text
  const choices = turn % 2 === 0 ? [title, sentence, text] : [sentence, title, text]
  return choices.map((choice) => {
    const words = choice.trim().split(/\s+/).slice(0, SENTENCE_WORDS_MAX)
    return words.join(' ').slice(0, QUERY_CHARACTERS_MAX)
  })
}

function sentencesOf(text: string): readonly string[] {
  return text.split(/(?<=[.!?])\s+/).filter((sentence) => sentence.split(/\s+/).length >= SENTENCE_WORDS_MIN)
}

/** One query a passage: consecutive rows from a random place, as many as a query has, or all of a shorter passage. */
export async function rowQueries(
  source: TokenRows,
  pids: readonly number[],
  seed: number,
  rowsMax = QUERY_ROWS,
): Promise<readonly QueryVectors[]> {
  const random = seededRandom(seed)
  const { dim, passageLengths } = source
  const queries: QueryVectors[] = []
  let start = 0
  let next = 0
  for (const [pid, length] of passageLengths.entries()) {
    if (pid === pids[next]) {
      next += 1
      const rows = Math.min(length, rowsMax)
      const vectors = new Float32Array(rows * dim)
      await source.readRows(start + (random() % (length - rows + 1)), rows, vectors)
      queries.push({ vectors, rows, dim })
    }
    start += length
  }
  return queries
}
