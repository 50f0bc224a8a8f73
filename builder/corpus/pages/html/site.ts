/** All HTML pages below one folder: read by their own charset, and known by what many of them repeat. */
import type { EntryProblem } from '../../entry.ts'
import { cutFrontMatter, leadBlocks } from '../markdown/frontMatter.ts'
import type { Page } from '../page.ts'
import { decodeHtml } from './charset.ts'
import { htmlTexts, parseHtml } from './html.ts'
import { type RepeatedTexts, samplesOf, TextCount } from './repeated.ts'

export type ReadPage =
  | { readonly page: Page; readonly note: string | undefined; readonly problem?: undefined }
  | { readonly problem: EntryProblem; readonly page?: undefined }

export class HtmlSite {
  readonly #repeated = new Map<string, RepeatedTexts>()
  /** What a folder and those around it repeat, once asked for. */
  readonly #joined = new Map<string, RepeatedTexts>()

  /**
   * Reads some pages of each folder that has many. Memory is that of one folder's sample, and the texts that its pages share.
   *
   * @param paths - of all HTML pages, "/" between folders
   * @param readFile - undefined for a file that cannot be read: reading it as a page says why
   */
  static async survey(
    paths: readonly string[],
    readFile: (path: string) => Promise<Uint8Array | undefined>,
  ): Promise<HtmlSite> {
    const site = new HtmlSite()
    for (const [folder, sample] of samplesOf(paths)) {
      const count = new TextCount()
      for (const path of sample) {
        const bytes = await readFile(path)
        const text = bytes && decodeHtml(bytes).text
        if (text !== undefined) addTexts(count, text, path)
      }
      const texts = count.repeated()
      if (texts.size > 0) site.#repeated.set(folder, texts)
    }
    return site
  }

  /** @throws RangeError for a page that nests too deep */
  read(path: string, bytes: Uint8Array): ReadPage {
    const { text, note, problem } = decodeNoted(bytes)
    if (problem) return { problem }
    const around = { file: fileOf(path), repeated: this.#repeatedFor(path) }
    if (!text.startsWith('---')) return { page: parseHtml(text, around), note }
    // Jekyll's and Hugo's pages are HTML under front matter.
    const { title, leads, body, problem: unread } = cutFrontMatter(text.replace(/\r\n?/g, '\n'))
    const page = parseHtml(body, around)
    const blocks = [...leadBlocks(leads, title, page.blocks), ...page.blocks]
    return { page: { ...page, title: title || page.title, blocks, notes: unread ? [unread] : [] }, note }
  }

  /** What the folders around the page repeat. */
  #repeatedFor(path: string): RepeatedTexts {
    const folder = path.slice(0, path.lastIndexOf('/') + 1)
    const known = this.#joined.get(folder)
    if (known) return known
    const texts = new Set<string>()
    for (let end = folder.length; ; end = folder.lastIndexOf('/', end - 2) + 1) {
      for (const text of this.#repeated.get(folder.slice(0, end)) ?? []) texts.add(text)
      if (end === 0) break
    }
    this.#joined.set(folder, texts)
    return texts
  }
}

function addTexts(count: TextCount, text: string, path: string): void {
  try {
    count.add(htmlTexts(text, fileOf(path)))
  } catch (error) {
    // Too deep to read: the page's own reading says so.
    if (!(error instanceof RangeError)) throw error
  }
}

function decodeNoted(
  bytes: Uint8Array,
):
  | { readonly text: string; readonly note: string | undefined; readonly problem?: undefined }
  | { readonly problem: EntryProblem; readonly text?: undefined; readonly note?: undefined } {
  const decoded = decodeHtml(bytes)
  return decoded.problem ? { problem: decoded.problem } : { text: decoded.text, note: decoded.note }
}

function fileOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}
