/** What the commands that read a corpus have in common: `--split`, and what they say of what they left out, did not find words in, or did not read to its end. */
import type { SkippedEntry } from '../builder/corpus/corpus.ts'
import type { SplitOptions } from '../builder/corpus/pages/page.ts'
import type { CountedPassages, EncodeSummary } from '../builder/encodeCorpus.ts'
import { ADDED_TOKENS } from '../encoder/conventions.ts'
import type { Encoder } from '../encoder/encoder.ts'
import { formatCount, formatCounted, printable } from './terminal.ts'

/** Parts of at most so many tokens, [CLS], marker and [SEP] counted; by default of as many as the model reads. */
export function splitFor(encoder: Encoder, passageTokens = encoder.fingerprint.passageLength): SplitOptions {
  const tokensMax = passageTokens - ADDED_TOKENS
  return { tokensMax, countTokens: (text) => encoder.countTokens(text, tokensMax + 1) }
}

const LEFT_OUT_SHOWN = 10
const IDS_SHOWN = 5

/** Each entry with its file and line, on stderr; `--json` lists all of them. What was read, but not as one may expect, is told apart. */
export function printLeftOut(leftOut: readonly SkippedEntry[]): void {
  process.stderr.write(leftOutLines(leftOut))
}

/** Lines for a report; empty when all was read as it is. */
export function leftOutLines(leftOut: readonly SkippedEntry[]): string {
  const parts = leftOut.filter(({ kind }) => kind === 'part')
  const others = leftOut.filter(({ kind }) => kind !== 'part')
  return (
    entryLines(`Left out ${formatCount(others.length)} of the corpus:`, others) +
    entryLines(`Read, but to be known (${formatCount(parts.length)}):`, parts)
  )
}

function entryLines(heading: string, entries: readonly SkippedEntry[]): string {
  if (entries.length === 0) return ''
  const lines = entries
    .slice(0, LEFT_OUT_SHOWN)
    .map(
      ({ file, line, reason }) => `  ${printable(file)}${line === undefined ? '' : `:${line}`}  ${printable(reason)}`,
    )
  const more = entries.length - LEFT_OUT_SHOWN
  if (more > 0) lines.push(`  … and ${formatCount(more)} more (--json lists all)`)
  return `\n${heading}\n${lines.join('\n')}\n`
}

/** Lines for a report; empty when the encoder read all of every passage. */
export function unreadLines({ wordless, cut }: Pick<EncodeSummary, 'wordless'> & Partial<EncodeSummary>): string {
  const lines: string[] = []
  if (wordless.passages > 0) {
    const have = wordless.passages === 1 ? 'has' : 'have'
    lines.push(
      `${formatCounted(wordless.passages, 'passage')} ${have} no word that the model knows: kept under the id, found by no query (${named(wordless)})`,
    )
  }
  if (cut && cut.passages > 0) {
    const were = cut.passages === 1 ? 'was' : 'were'
    lines.push(
      `${formatCounted(cut.passages, 'passage')} ${were} longer than the model reads, and ${formatCounted(cut.tokens, 'token')} of ${cut.passages === 1 ? 'it' : 'them'} cannot be found (${named(cut)}); --split cuts long ones into several`,
    )
  }
  return lines.map((line) => `${line}\n`).join('')
}

function named({ passages, ids }: CountedPassages): string {
  const shown = ids.slice(0, IDS_SHOWN).map((id) => printable(id))
  return passages > shown.length ? `${shown.join(', ')}, …` : shown.join(', ')
}

/** "1 query (a)", "7 queries (a, b, c, d, e, …)". */
export function listed(ids: readonly string[], one: string, more: string): string {
  return `${formatCount(ids.length)} ${ids.length === 1 ? one : more} (${named({ passages: ids.length, ids })})`
}
