/** Formats of a corpus in one file, and what its name tells about them. */

export type CorpusFormat = 'tsv' | 'jsonl' | 'csv'

/** Formats of a single file, each also as `.gz`. */
export const CORPUS_FORMATS: readonly CorpusFormat[] = ['tsv', 'jsonl', 'csv']

const EXTENSIONS: Readonly<Record<string, CorpusFormat>> = { tsv: 'tsv', jsonl: 'jsonl', ndjson: 'jsonl', csv: 'csv' }

/** In lower case and without its dot; that before `.gz`. */
export function extensionOf(name: string): string {
  return /\.([^./\\]+)$/.exec(name.toLowerCase().replace(/\.gz$/, ''))?.[1] ?? ''
}

/** The format that a file's name tells; undefined for any other name. */
export function tableFormat(name: string): CorpusFormat | undefined {
  const extension = extensionOf(name)
  return Object.hasOwn(EXTENSIONS, extension) ? EXTENSIONS[extension] : undefined
}
