/** Asks the worker while one types, and draws what it found. */
import type { TextAnswer } from 'tartan-search'
import { newestOnly, openTextSearchInWorker } from 'tartan-search/browser'

/** After the last key. */
const PAUSE_MS = 150

const form = part('form', HTMLFormElement)
const input = part('input', HTMLInputElement)
const about = part('#about', HTMLElement)
const status = part('#status', HTMLElement)
const failure = part('#failure', HTMLElement)
const results = part('#results', HTMLElement)

const worker = new Worker(new URL('./searchWorker.js', import.meta.url), { type: 'module' })
const opening = openTextSearchInWorker(worker, {
  index: 'corpus.tartan/',
  kernelsUrl: 'kernels.wasm',
  pipeline: 'range',
  model: { modelUrl: 'model/', onnxUrl: 'onnxruntime.wasm', cache: 'tartan-models' },
}).then(newestOnly)
let timer: ReturnType<typeof setTimeout> | undefined

async function ask(): Promise<void> {
  clearTimeout(timer)
  const text = input.value.trim()
  history.replaceState(null, '', text ? `?q=${encodeURIComponent(text)}` : location.pathname)
  try {
    const search = await opening
    // While the model was loading the visitor may have typed on.
    if (text !== input.value.trim()) return
    const answer = text ? await search.ask(text, { k: 10 }) : undefined
    if (text !== input.value.trim()) return
    failure.hidden = true
    draw(answer)
  } catch (error) {
    if ((error as { code?: string }).code !== 'ABORTED') fail(error as Error)
  }
}

input.addEventListener('input', () => {
  clearTimeout(timer)
  timer = setTimeout(() => void ask(), PAUSE_MS)
})
form.addEventListener('submit', (event) => {
  event.preventDefault()
  void ask()
})

function fail({ message }: Error): void {
  status.textContent = ''
  failure.textContent = message
  failure.hidden = false
}

function draw(answer?: TextAnswer): void {
  const { hits = [], ms = {}, storage = { bytes: 0, reads: 0 } } = answer ?? {}
  const read = storage.reads > 0 ? `${kilobytes(storage.bytes)} in ${storage.reads} range requests` : 'nothing'
  const { encode = 0, search = 0 } = ms
  status.textContent = answer
    ? `${encode.toFixed(0)} ms to encode, ${search.toFixed(0)} ms to search, ${read} read`
    : ''
  results.replaceChildren(
    ...hits.map(({ id, score, title, text = '' }) => {
      const item = document.createElement('li')
      item.append(element('h2', title || id), element('p', text), element('small', `${id}, score ${score.toFixed(2)}`))
      return item
    }),
  )
}

/** Texts of the corpus become text, never markup. */
function element(name: string, text: string): HTMLElement {
  const made = document.createElement(name)
  made.textContent = text
  return made
}

function part<T extends Element>(selector: string, type: new () => T): T {
  const found = document.querySelector(selector)
  if (found instanceof type) return found
  throw new Error(`index.html: expected an element "${selector}"`)
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`
}

function kilobytes(bytes: number): string {
  return `${(bytes / 1e3).toFixed(0)} KB`
}

status.textContent = 'Loading the model …'
opening.then(({ info }) => {
  about.textContent = `${info.passages.toLocaleString('en')} passages, ${megabytes(info.bytes)}, searched in this tab`
  status.textContent = ''
}, fail)
const given = new URLSearchParams(location.search).get('q')
if (given) {
  input.value = given
  void ask()
}
