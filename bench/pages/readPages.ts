/**
 * What a checkout's reader makes of a folder of pages, one JSON line a page: readPages.ts CHECKOUT FOLDER OUT.jsonl. It runs
 * in a process of its own, so that a checkout of another commit is read with its own modules.
 */
import { createWriteStream } from 'node:fs'
import { join, resolve } from 'node:path'
import { finished } from 'node:stream/promises'
import { pathToFileURL } from 'node:url'
import type { readCorpus } from '../../builder/corpus/corpus.ts'

const [checkout = '', folder = '', out = ''] = process.argv.slice(2)
const library: { readCorpus: typeof readCorpus } = await import(
  pathToFileURL(join(resolve(checkout), 'builder/corpus/corpus.ts')).href
)

/** Passages of one page as they come: title, text, anchor. */
interface PageLine {
  readonly path: string
  readonly passages: [title: string, text: string, anchor: string | undefined][]
}

const file = createWriteStream(out)
const started = performance.now()
let page: PageLine | undefined
let pages = 0
let passages = 0
const write = () => {
  if (page) file.write(`${JSON.stringify(page)}\n`)
}
for await (const { title, text, metadata } of library.readCorpus(folder, { onBadPassage: 'skip' })) {
  const path = String(metadata?.path)
  if (page?.path !== path) {
    write()
    page = { path, passages: [] }
    pages++
  }
  page.passages.push([title, text, metadata?.anchor as string | undefined])
  passages++
}
write()
file.end()
await finished(file)
const seconds = Math.round((performance.now() - started) / 100) / 10
const rssMb = Math.round(process.resourceUsage().maxRSS / 1024)
process.stdout.write(`${JSON.stringify({ pages, passages, seconds, rss_mb: rssMb })}\n`)
