/** ColBERT's collection.tsv: `pid \t passage` or `pid \t passage \t title`, one passage a line, no quoting. */
import type { CorpusEntry, EntryProblem, RawPassage } from './entry.ts'
import type { Line } from './lines.ts'

/** The header ColBERT's and DPR's collections may begin with. */
const HEADER = /^(?:_?id|pid)\t(?:text|passage)(?:\ttitle)?$/i

/** Yields one entry a line. Empty lines are passed over; a first line `id \t text [\t title]` is a header. */
export async function* readTsv(lines: AsyncIterable<Line>, file: string): AsyncGenerator<CorpusEntry> {
  for await (const { number, text, problem } of lines) {
    const place = { file, line: number }
    if (problem) {
      yield { place, problem }
      continue
    }
    if (text === '' || (number === 1 && HEADER.test(text))) continue
    const parsed = parseTsvLine(text)
    yield 'reason' in parsed ? { place, problem: parsed } : { place, passage: parsed }
  }
}

function parseTsvLine(line: string): RawPassage | EntryProblem {
  const [id = '', text, title = '', ...more] = line.split('\t')
  if (text === undefined) {
    return {
      reason: 'expected "id<tab>text", got a line without a tab',
      cure: 'Separate id and text by a tab character.',
    }
  }
  if (more.length > 0) {
    return {
      reason: `expected 2 or 3 columns (id, text, title), got ${more.length + 3}`,
      cure: 'Replace tabs inside the text by blanks.',
    }
  }
  return { id, title, text }
}
