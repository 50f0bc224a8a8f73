/** Relevance judgements: BEIR's TSV with a header, TREC's and MS MARCO's four columns; plain or gzip. */
import { InputError } from '../../format/errors.ts'
import { type EntryProblem, excerpt, idProblem, problemError } from '../corpus/entry.ts'
import { readLines } from '../corpus/lines.ts'
import { readBytes, type SourceOptions, sourceName } from '../corpus/source.ts'

/** Query id → passage id → relevance: a whole number, relevant when above 0. */
export type Qrels = ReadonlyMap<string, ReadonlyMap<string, number>>

/** How a header names its first column, and its last. A line of judgements ends with a number, so none is taken for a header. */
const FIRST_NAME = /^(?:q|topic)/i
const LAST_NAME = /^(?:rel|relevance|score|label|grade|judge?ment)$/i

interface Judgement {
  readonly queryId: string
  readonly passageId: string
  readonly relevance: number
}

/**
 * Reads a qrels file whose layout is told by its first line: a header of three columns, as `query-id \t corpus-id \t score`, means
 * BEIR; otherwise each line is `qid 0 pid relevance`, separated by tabs (MS MARCO) or blanks (TREC), with or without a header. Empty
 * lines are passed over.
 *
 * @throws InputError with the line, for a wrong column count, a relevance that is no whole number, or two judgements of
 * one pair that differ; and for a file without judgements
 */
export async function readQrels(source: string, options: SourceOptions = {}): Promise<Qrels> {
  const file = sourceName(source)
  const qrels = new Map<string, Map<string, number>>()
  let isBeir = false
  for await (const { number, text, problem } of readLines(readBytes(source, options), { file })) {
    const place = { file, line: number }
    if (problem) throw problemError(place, problem)
    if (text.trim() === '') continue
    const header = number === 1 && headerColumns(text)
    if (header) {
      isBeir = header === 3
      continue
    }
    const parsed = parseJudgement(text, isBeir)
    if ('reason' in parsed) throw problemError(place, parsed)
    const { queryId, passageId, relevance } = parsed
    const judged = qrels.get(queryId) ?? new Map<string, number>()
    const before = judged.get(passageId)
    if (before !== undefined && before !== relevance) {
      const reason = `expected one judgement of query ${excerpt(queryId)} and passage ${excerpt(passageId)}, got ${before} and ${relevance}`
      throw problemError(place, { reason, cure: 'Remove one of the two.' })
    }
    qrels.set(queryId, judged.set(passageId, relevance))
  }
  if (qrels.size > 0) return qrels
  throw new InputError(`reading "${file}": expected relevance judgements, got none. Is this the right file?`, { file })
}

/** Columns of the header that this line is; undefined: it is none. */
function headerColumns(line: string): number | undefined {
  const cells = cellsOf(line.trim())
  const isHeader = FIRST_NAME.test(cells[0] ?? '') && LAST_NAME.test(cells.at(-1) ?? '')
  return isHeader && (cells.length === 3 || cells.length === 4) ? cells.length : undefined
}

function parseJudgement(line: string, isBeir: boolean): Judgement | EntryProblem {
  const cells = cellsOf(line)
  const expected = isBeir ? 3 : 4
  if (cells.length !== expected) {
    return {
      reason: `expected ${expected} columns (${isBeir ? 'query-id, corpus-id, score' : 'qid, 0, pid, relevance'}), got ${cells.length}: ${excerpt(line)}`,
      cure: 'A file of three columns begins with the header "query-id<tab>corpus-id<tab>score".',
    }
  }
  const [queryId = '', passageId = '', relevance = ''] = isBeir ? cells : [cells[0], cells[2], cells[3]]
  const problem = idProblem(queryId) ?? idProblem(passageId)
  if (problem) return problem
  const grade = gradeOf(relevance.trim())
  if (grade !== undefined) return { queryId, passageId, relevance: grade }
  return {
    reason: `expected a whole number as relevance, got ${excerpt(relevance)}`,
    cure: 'Write 0, 1, 2, … (1.0 is taken too); multiply or round what lies between.',
  }
}

function cellsOf(line: string): readonly string[] {
  return line.includes('\t') ? line.split('\t') : line.trim().split(/\s+/)
}

/** `1`, `-2`, and as pandas and numpy write them: `1.0`, `1e+00`. */
function gradeOf(text: string): number | undefined {
  const grade = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i.test(text) ? Number(text) : Number.NaN
  // -0 would be written, and compared, as something else than 0.
  return Number.isInteger(grade) && Math.abs(grade) < 1e9 ? grade + 0 : undefined
}
