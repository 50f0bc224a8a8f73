/** MDX that cannot be read as MDX is read as Markdown, where its imports and exports would be text: they are for the program that makes the page. */

const CODE_FENCE = /^ {0,3}(`{3,}|~{3,})/
const ONE_IMPORT = /^import\s+(?:["'][^"']+["']|[\w*{}\s,$]+\s+from\s+["'][^"']+["'])\s*;?\s*$/
const IMPORT_LIST = /^import\s+(?:type\s+)?(?:[\w$]+\s*,\s*)?\{[^}"']*$/
const IMPORT_LIST_END = /\}\s*from\s+["'][^"']+["']\s*;?\s*$/
/** What follows `export`; "Export default settings" and "export let me see" are no statements. */
const EXPORT = new RegExp(
  `^export\\s+(?:${[
    String.raw`(?:const|let|var)\s+(?:[\w$]+\s*(?::[^=]*)?=|[[{])`,
    String.raw`(?:default\s+)?(?:async\s+)?function\b`,
    String.raw`(?:default\s+)?class\s[^{]*\{`,
    String.raw`default\s+(?:[({[]|[\w$.]+(?:\(.*)?;?\s*$)`,
    String.raw`\{[^}]*\}\s*(?:from\b.*|;?\s*)$`,
    String.raw`\*\s+(?:as\s+\w+\s+)?from\b`,
  ].join('|')})`,
)
/** A longer line is text, or nothing that somebody wrote. */
const LINE_CHARACTERS_MAX = 2000
/** A statement that does not end within so many lines is cut at the end of its paragraph. */
const STATEMENT_LINES_MAX = 500

/** The page with blank lines in the place of statements that begin a line outside of code, so that the numbers of lines stay true. */
export function withoutModules(body: string): string {
  const lines = body.split('\n')
  let fence: string | undefined
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at] ?? ''
    const mark = CODE_FENCE.exec(line)?.[1]
    if (fence !== undefined) {
      if (mark?.startsWith(fence) && line.trim() === mark) fence = undefined
      continue
    }
    if (mark !== undefined) {
      fence = mark
      continue
    }
    const end = statementEnd(lines, at)
    for (; at < end; at++) lines[at] = ''
    if (end > 0) at--
  }
  return lines.join('\n')
}

/** The line after the statement that begins here; 0 where none does. */
function statementEnd(lines: readonly string[], from: number): number {
  const line = lines[from] ?? ''
  if (line.length > LINE_CHARACTERS_MAX || !/^(?:import|export)\b/.test(line)) return 0
  if (ONE_IMPORT.test(line)) return from + 1
  if (IMPORT_LIST.test(line)) {
    const last = lines.slice(from, from + STATEMENT_LINES_MAX).findIndex((text) => IMPORT_LIST_END.test(text))
    return last < 0 ? 0 : from + last + 1
  }
  return EXPORT.test(line) ? exportEnd(lines, from) : 0
}

/** Where its brackets are closed. */
function exportEnd(lines: readonly string[], from: number): number {
  let depth = 0
  const last = Math.min(lines.length, from + STATEMENT_LINES_MAX)
  for (let at = from; at < last; at++) {
    const bare = (lines[at] ?? '').replace(/"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`(?:[^`\\]|\\.)*`/g, '')
    for (const sign of bare) {
      if ('([{'.includes(sign)) depth++
      if (')]}'.includes(sign)) depth--
    }
    if (depth <= 0 && !/[=,(+]\s*$/.test(bare)) return at + 1
  }
  const blank = lines.slice(from, last).findIndex((text) => text.trim() === '')
  return blank < 0 ? last : from + blank
}
