/** What a path is that was named as an index and is none, so that the error says what to type instead. */
import { open, readdir, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { InputError, type TartanError } from '../../../format/errors.ts'
import { MANIFEST_NAME, PART_NAME } from '../../../format/manifest/manifest.ts'

const CORPUS_NAME = /\.(?:tsv|csv|jsonl|ndjson|json|md|markdown|mdx|html?|xhtml|txt)(?:\.gz)?$/i
const HEAD_BYTES = 512
/** Of a folder with more entries only so many are looked at. */
const ENTRIES_MAX = 1000

/** For a folder without a manifest. */
export async function folderProblem(path: string): Promise<InputError> {
  const names = (await readdir(path).catch(() => [])).slice(0, ENTRIES_MAX)
  const indexes: string[] = []
  for (const name of names.filter((each) => !each.startsWith('.')))
    if (await stat(join(path, name, MANIFEST_NAME)).catch(() => undefined)) indexes.push(join(path, name))
  const cure =
    indexes.length > 0
      ? `Name the index inside it: ${indexes.slice(0, 5).join(', ')}.`
      : names.some((name) => CORPUS_NAME.test(name))
        ? `It holds texts: build an index of them first, with: tartan build ${shellWord(path)} --out INDEX`
        : names.some((name) => PART_NAME.test(name))
          ? 'Its parts are there: copy the whole folder that tartan build wrote.'
          : 'Name a folder that tartan build wrote.'
  return new InputError(`the folder "${path}" is not a Tartan index: it has no ${MANIFEST_NAME}. ${cure}`, { path })
}

/**
 * For a file that could not be read as a pack.
 * @returns `failure` itself when nothing says that the file was never meant as one
 */
export async function fileProblem(path: string, failure: TartanError): Promise<TartanError> {
  const name = basename(path)
  if (PART_NAME.test(name)) {
    const folder = dirname(path)
    return new InputError(`"${path}" is one part of an index. Name its folder: ${shellWord(folder)}`, { path })
  }
  if (!CORPUS_NAME.test(name) && !(await beginsAsText(path))) return failure
  return new InputError(
    `"${path}" is no index but a corpus, or another text: build an index of it first, with: tartan build ${shellWord(path)} --out INDEX`,
    { path },
    { cause: failure },
  )
}

/** Whether the first bytes are UTF-8 without control characters. Of packs the second byte is none. */
async function beginsAsText(path: string): Promise<boolean> {
  const file = await open(path, 'r')
  try {
    const { buffer, bytesRead } = await file.read(new Uint8Array(HEAD_BYTES), 0, HEAD_BYTES, 0)
    // A character may be cut at the end: `stream` waits for its rest.
    const text = new TextDecoder('utf-8', { fatal: true }).decode(buffer.subarray(0, bytesRead), { stream: true })
    return bytesRead > 0 && !/[^\P{Cc}\t\n\r\f]/u.test(text)
  } catch {
    return false
  } finally {
    await file.close()
  }
}

/** As it is typed: in quotes where a shell would take it apart. */
function shellWord(text: string): string {
  return /^[\w./:@%+,=~-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
}
