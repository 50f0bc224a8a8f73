/** Asks the worker while one types, and draws what it found. */
import type { Cost, Hit, Message, Question } from './searchWorker.ts'

/** After the last key. */
const PAUSE_MS = 150

const form = part('form', HTMLFormElement)
const input = part('input', HTMLInputElement)
const about = part('#about', HTMLElement)
const status = part('#status', HTMLElement)
const failure = part('#failure', HTMLElement)
const results = part('#results', HTMLElement)

const worker = new Worker(new URL('./searchWorker.js', import.meta.url), { type: 'module' })
let asked = 0
let timer: ReturnType<typeof setTimeout> | undefined

function ask(): void {
  clearTimeout(timer)
  const text = input.value.trim()
  // Also makes answers that are still to come old ones.
  asked += 1
  history.replaceState(null, '', text ? `?q=${encodeURIComponent(text)}` : location.pathname)
  if (text) worker.postMessage({ number: asked, text } satisfies Question)
  else draw([])
}

input.addEventListener('input', () => {
  clearTimeout(timer)
  timer = setTimeout(ask, PAUSE_MS)
})
form.addEventListener('submit', (event) => {
  event.preventDefault()
  ask()
})

worker.addEventListener('message', ({ data }: MessageEvent<Message>) => {
  if (data.kind === 'failure') return fail(data.reason)
  if (data.kind === 'ready') {
    about.textContent = `${data.passages.toLocaleString('en')} passages, ${megabytes(data.bytes)}, searched in this tab`
    status.textContent = ''
    return
  }
  if (data.number !== asked) return
  failure.hidden = true
  draw(data.hits, data.cost)
})
worker.addEventListener('error', ({ message }) => fail(message || 'The worker of the page cannot be loaded.'))

function fail(reason: string): void {
  status.textContent = ''
  failure.textContent = reason
  failure.hidden = false
}

function draw(hits: readonly Hit[], cost?: Cost): void {
  const { encodeMs, searchMs, bytes, requests } = cost ?? { encodeMs: 0, searchMs: 0, bytes: 0, requests: 0 }
  const read = requests > 0 ? `${kilobytes(bytes)} in ${requests} range requests` : 'nothing'
  status.textContent = cost
    ? `${encodeMs.toFixed(0)} ms to encode, ${searchMs.toFixed(0)} ms to search, ${read} read`
    : ''
  results.replaceChildren(
    ...hits.map(({ id, score, title, text }) => {
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
const given = new URLSearchParams(location.search).get('q')
if (given) {
  input.value = given
  ask()
}
