/** Runs: what a searcher answered to each query, and ColBERT's ranking.tsv (`qid \t pid \t rank \t score`) of it. */
import { createWriteStream } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { InputError, StorageError } from '../../format/errors.ts'
import { type EntryProblem, excerpt, idProblem, problemError } from '../corpus/entry.ts'
import { readLines } from '../corpus/lines.ts'
import { readBytes, type SourceOptions, sourceName } from '../corpus/source.ts'

export interface RankedPassage {
  /** The passage's string id, the one judgements use. */
  readonly id: string
  /** Higher is better; finite. */
  readonly score: number
}

/** Query id → its passages, best first, each once. */
export type Run = ReadonlyMap<string, readonly RankedPassage[]>

/**
 * Writes the run beside its place and renames it, so that no half of it is ever seen. Ranks count from 1; scores are
 * written so that they read back as the same number. A query without results leaves no line.
 *
 * @throws InputError when an id holds a tab or a line end, or a score is not finite
 * @throws StorageError when the file cannot be written
 */
export async function writeRanking(path: string, run: Run): Promise<void> {
  const temporary = `${path}.tmp`
  try {
    await pipeline(Readable.from(rankingLines(run)), createWriteStream(temporary))
    await rename(temporary, path)
  } catch (cause) {
    await rm(temporary, { force: true })
    if (cause instanceof InputError) throw cause
    throw new StorageError(`writing the ranking "${path}" failed: ${(cause as Error).message}`, { path }, { cause })
  }
}

function* rankingLines(run: Run): Generator<string> {
  for (const [queryId, passages] of run) {
    let lines = ''
    for (const [i, { id, score }] of passages.entries()) {
      const problem = idProblem(queryId) ?? idProblem(id)
      if (problem) throw new InputError(`writing a ranking: ${problem.reason}. ${problem.cure}`)
      if (!Number.isFinite(score)) {
        throw new InputError(`writing a ranking: expected a finite score of query ${excerpt(queryId)}, got ${score}`)
      }
      lines += `${queryId}\t${id}\t${i + 1}\t${score}\n`
    }
    if (lines !== '') yield lines
  }
}

interface RankingLine extends RankedPassage {
  readonly queryId: string
  readonly rank: number
}

/**
 * Reads a ranking.tsv, also one of ColBERT's without scores (the score is then minus the rank); plain or gzip. Passages
 * come in the order of their ranks.
 *
 * @throws InputError with the line, for a wrong column count, a rank or score that is no number, or a passage twice
 */
export async function readRanking(source: string, options: SourceOptions = {}): Promise<Run> {
  const file = sourceName(source)
  const lists = new Map<string, Map<string, RankingLine>>()
  for await (const { number, text, problem } of readLines(readBytes(source, options), { file })) {
    const place = { file, line: number }
    if (problem) throw problemError(place, problem)
    if (text === '') continue
    const parsed = parseRankingLine(text)
    if ('reason' in parsed) throw problemError(place, parsed)
    const list = lists.get(parsed.queryId) ?? new Map<string, RankingLine>()
    if (list.has(parsed.id)) {
      const reason = `expected each passage once for query ${excerpt(parsed.queryId)}, got ${excerpt(parsed.id)} twice`
      throw problemError(place, { reason, cure: 'Keep the better one.' })
    }
    lists.set(parsed.queryId, list.set(parsed.id, parsed))
  }
  const run = new Map<string, readonly RankedPassage[]>()
  for (const [queryId, list] of lists) {
    const sorted = [...list.values()].sort((a, b) => a.rank - b.rank)
    run.set(
      queryId,
      sorted.map(({ id, score }) => ({ id, score })),
    )
  }
  return run
}

function parseRankingLine(line: string): RankingLine | EntryProblem {
  const cells = line.split('\t')
  const [queryId = '', id = '', rankText = '', scoreText] = cells
  if (cells.length !== 3 && cells.length !== 4) {
    return {
      reason: `expected "qid<tab>pid<tab>rank<tab>score", got ${cells.length} columns`,
      cure: 'Separate them by tabs.',
    }
  }
  const problem = idProblem(queryId) ?? idProblem(id)
  if (problem) return problem
  const rank = Number(rankText)
  if (!/^\d+$/.test(rankText) || rank < 1 || !Number.isSafeInteger(rank)) {
    return { reason: `expected a rank from 1 on, got ${excerpt(rankText)}`, cure: 'Count ranks from 1.' }
  }
  const score = scoreText === undefined ? -rank : Number(scoreText)
  if (Number.isFinite(score) && scoreText?.trim() !== '') return { queryId, id, rank, score }
  return { reason: `expected a finite score, got ${excerpt(scoreText)}`, cure: 'Write a decimal number.' }
}
