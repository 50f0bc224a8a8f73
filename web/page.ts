/** The search page: type-ahead over the app's own API, with the query in the URL. Built into one HTML by scripts/buildPage.ts. */
import { AnswerError, askIndexes, askPatiently, type IndexAnswer, type SearchAnswerBody } from './client.ts'
import { askHints } from './hints.ts'
import { drawHits, FIT_CLOSE, toggleHit } from './results.ts'

const DEBOUNCE_MS = 120
/** Faster answers show no progress line: it would only flicker. */
const PROGRESS_AFTER_MS = 200
/** At first, after "Show more", and after that once more. */
const HITS_SHOWN = [20, 50, 100] as const
/** Servers and proxies take addresses of some kilobytes; a longer question is not kept in it. */
const ADDRESS_CHARACTERS_MAX = 4000

const form = byId('form', HTMLFormElement)
const input = byId('query', HTMLInputElement)
const picker = byId('index', HTMLSelectElement)
const list = byId('results', HTMLOListElement)
const empty = byId('empty', HTMLElement)
const note = byId('note', HTMLElement)
const more = byId('more', HTMLButtonElement)

/** All that changes while the page is open. */
const state: {
  indexes: readonly IndexAnswer[]
  /** The request under way; a newer one aborts it, so an old answer can never replace a newer one. */
  asking: AbortController | undefined
  debounce: number
  /** What is shown or asked for, to leave out repeated questions. */
  asked: string
  /** Index in HITS_SHOWN. */
  page: number
  /** Whether the next change of the query makes a history entry instead of replacing the one that typing made. */
  settled: boolean
} = { indexes: [], asking: undefined, debounce: 0, asked: '', page: 0, settled: true }

start()

async function start(): Promise<void> {
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    searchNow()
    state.settled = true
  })
  more.addEventListener('click', () => void showMore())
  input.addEventListener('input', () => {
    noteLength()
    clearTimeout(state.debounce)
    state.debounce = window.setTimeout(searchNow, DEBOUNCE_MS)
  })
  picker.addEventListener('change', () => {
    state.settled = true
    searchNow()
    void drawHints()
  })
  addEventListener('popstate', readLocation)
  addEventListener('keydown', onKey)
  // With a mouse one comes here to type; on a touch screen it would raise the keyboard over the page.
  if (matchMedia('(pointer: fine)').matches) input.focus()
  try {
    state.indexes = await askIndexes()
  } catch (error) {
    showError(error)
    return
  }
  picker.replaceChildren(...state.indexes.map(({ name }) => new Option(name, name)))
  picker.hidden = state.indexes.length < 2
  // Someone may have typed before the indexes were known; that beats the URL.
  if (input.value === '') readLocation()
  else searchNow()
  void drawHints()
}

function chosenIndex(): IndexAnswer | undefined {
  return state.indexes.find(({ name }) => name === picker.value) ?? state.indexes[0]
}

function readLocation(): void {
  const parameters = new URLSearchParams(location.search)
  input.value = (parameters.get('q') ?? '').slice(0, input.maxLength)
  const index = parameters.get('index')
  if (index !== null && state.indexes.some(({ name }) => name === index)) picker.value = index
  else picker.selectedIndex = 0
  state.settled = true
  void search()
}

function searchNow(): void {
  clearTimeout(state.debounce)
  writeLocation()
  void search()
}

function writeLocation(): void {
  const query = input.value.trim()
  const index = chosenIndex()
  const parameters = new URLSearchParams()
  if (query && query.length <= ADDRESS_CHARACTERS_MAX) parameters.set('q', query)
  if (index && index !== state.indexes[0]) parameters.set('index', index.name)
  const target = parameters.size > 0 ? `?${parameters}` : ''
  if (target === location.search) return
  if (state.settled) history.pushState(null, '', location.pathname + target)
  else history.replaceState(null, '', location.pathname + target)
  state.settled = false
}

async function search(): Promise<void> {
  const index = chosenIndex()
  if (!index) return showError(new AnswerError('No index', 'This server has no index yet.'))
  showIndex(index)
  const query = input.value.trim()
  const question = JSON.stringify([query, index.name])
  if (question === state.asked) return
  state.asked = question
  state.page = 0
  state.asking?.abort()
  // What was wrong with the last question says nothing of this one.
  byId('error', HTMLElement).hidden = true
  document.title = query ? `${query} · Tartan search` : 'Tartan search'
  if (query) return ask(query, index)
  state.asking = undefined
  setBusy(false)
  showNothing('')
  empty.hidden = false
}

async function showMore(): Promise<void> {
  const index = chosenIndex()
  const hadFocus = document.activeElement === more
  const shown = list.childElementCount
  if (!index) return
  state.page++
  await ask(input.value.trim(), index)
  // Who came here by keyboard goes on with the first that is new.
  if (hadFocus) list.querySelectorAll<HTMLElement>('.hit')[shown]?.focus()
}

/** Asks for as many hits as `state.page` says and shows them. A newer question ends it without a word. */
async function ask(query: string, index: IndexAnswer): Promise<void> {
  const asking = new AbortController()
  state.asking = asking
  const isFirst = state.page === 0
  const k = HITS_SHOWN[state.page] ?? HITS_SHOWN[0]
  setBusy(true)
  try {
    const request = { query, index: index.name, k, highlight: index.highlight }
    const answer = await askPatiently(request, asking.signal, (seconds) => showWaiting(seconds))
    if (state.asking === asking) showAnswer(answer, index, isFirst)
  } catch (error) {
    if (state.asking !== asking) return
    if (!isFirst && error instanceof AnswerError && !error.isPassing) {
      // The server gives no more than are shown.
      more.hidden = true
      return
    }
    // The same question may be asked again.
    state.asked = ''
    showError(error)
  } finally {
    if (state.asking === asking) setBusy(false)
  }
}

function setBusy(busy: boolean): void {
  list.setAttribute('aria-busy', String(busy))
  const progress = byId('progress', HTMLElement)
  const asking = state.asking
  if (!busy) progress.hidden = true
  else setTimeout(() => (progress.hidden = state.asking !== asking || list.ariaBusy !== 'true'), PROGRESS_AFTER_MS)
}

/** With several indexes the list to choose from has the name already. */
function showIndex(index: IndexAnswer): void {
  const passages = count(index.passages, 'passage')
  byId('about', HTMLElement).textContent = picker.hidden ? `${index.name} · ${passages}` : passages
}

function showAnswer(answer: SearchAnswerBody, index: IndexAnswer, isFirst: boolean): void {
  const { hits, tookMs = 0 } = answer
  byId('error', HTMLElement).hidden = true
  empty.hidden = true
  drawHits(list, hits, !isFirst)
  more.hidden = hits.length < (HITS_SHOWN[state.page] ?? 0) || hits.length >= index.passages
  if (state.page === HITS_SHOWN.length - 1) more.hidden = true
  const took = `${Math.max(1, Math.round(tookMs)).toLocaleString()} ms`
  if (hits.length === 0) setStatus('No passage found. Try other words.')
  else setStatus(`${describeHits(hits, index)} · ${took}`)
  if (answer.skipped) setNote('The server stopped early: there may be better passages than these.')
  else if (answer.truncated) setNote('Your question is longer than the model reads. Its end was left out.')
  else noteLength()
}

function describeHits(hits: SearchAnswerBody['hits'], index: IndexAnswer): string {
  const all = count(index.passages, 'passage')
  if ((hits[0]?.fit ?? 1) < FIT_CLOSE) return `No close match. The nearest ${hits.length.toLocaleString()} of ${all}`
  return hits.length < index.passages ? `Best ${hits.length.toLocaleString()} of ${all}` : `All ${all}, best first`
}

function showWaiting(seconds: number): void {
  const left = document.createElement('span')
  // Read out once, not every second.
  left.ariaHidden = 'true'
  left.textContent = ` in ${seconds} s`
  const status = byId('status', HTMLElement)
  if (status.dataset.waiting) status.lastChild?.replaceWith(left)
  else status.replaceChildren('The server is busy. Trying again', left)
  status.dataset.waiting = 'true'
}

function showError(error: unknown): void {
  showNothing('')
  const box = byId('error', HTMLElement)
  const title = document.createElement('strong')
  title.textContent = error instanceof AnswerError ? error.title : 'The page made a mistake'
  box.replaceChildren(title, error instanceof Error ? error.message : String(error))
  if (error instanceof AnswerError && error.isPassing) {
    const again = document.createElement('button')
    again.type = 'button'
    again.textContent = 'Try again'
    again.addEventListener('click', () => {
      input.focus()
      if (state.indexes.length > 0) searchNow()
      else location.reload()
    })
    box.append(again)
  }
  box.hidden = false
}

function showNothing(status: string): void {
  list.replaceChildren()
  empty.hidden = true
  more.hidden = true
  byId('error', HTMLElement).hidden = true
  setStatus(status)
  noteLength()
}

function setStatus(text: string): void {
  const status = byId('status', HTMLElement)
  delete status.dataset.waiting
  status.textContent = text
}

function setNote(text: string): void {
  if (note.textContent !== text) note.textContent = text
  note.hidden = text === ''
}

function noteLength(): void {
  const isFull = input.value.length >= input.maxLength
  setNote(isFull ? `At most ${input.maxLength.toLocaleString()} characters fit in the box. The rest was left out.` : '')
}

async function drawHints(): Promise<void> {
  const index = chosenIndex()
  if (!index?.hasTexts) return
  const hints = await askHints(index)
  if (index !== chosenIndex()) return
  byId('hintsTitle', HTMLElement).hidden = hints.length === 0
  byId('hints', HTMLElement).replaceChildren(
    ...hints.map(({ label, query }) => {
      const item = document.createElement('li')
      const button = document.createElement('button')
      button.type = 'button'
      button.textContent = label
      button.addEventListener('click', () => {
        input.value = query
        state.settled = true
        searchNow()
        state.settled = true
        input.focus()
      })
      item.append(button)
      return item
    }),
  )
}

function onKey(event: KeyboardEvent): void {
  if (event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return
  const target = event.target instanceof HTMLElement ? event.target : document.body
  // In an empty box "/" is the shortcut still: the box has the focus from the start, and no query begins with it.
  const typing = (target === input && input.value !== '') || target === picker
  if (event.key === '/' && !typing) {
    event.preventDefault()
    input.focus()
    input.select()
  } else if (event.key === 'Escape' && target !== picker) {
    leave(target)
  } else if ((event.key === 'ArrowDown' || event.key === 'ArrowUp') && target !== picker) {
    if (moveFocus(target, event.key === 'ArrowDown' ? 1 : -1)) event.preventDefault()
  } else if (event.key === 'Enter' && target.classList.contains('hit')) {
    event.preventDefault()
    toggleHit(target)
  }
}

/** Escape in the list goes back to the box, in the box it clears it. */
function leave(target: HTMLElement): void {
  if (target === input) {
    input.value = ''
    state.settled = true
    searchNow()
  }
  input.focus()
}

/** @returns whether the key meant a move; up from the first result goes back to the box */
function moveFocus(target: HTMLElement, step: 1 | -1): boolean {
  const hits = [...list.querySelectorAll<HTMLElement>('.hit')]
  const at = hits.findIndex((hit) => hit.contains(target))
  if (hits.length === 0 || (at < 0 && (step < 0 || target !== input))) return false
  const next = at + step
  if (next < 0) input.focus()
  else hits[Math.min(next, hits.length - 1)]?.focus()
  return true
}

function count(number: number, noun: string): string {
  return `${number.toLocaleString()} ${noun}${number === 1 ? '' : 's'}`
}

/** @throws Error when page.html and this file disagree, which is a bug */
function byId<T extends HTMLElement>(id: string, kind: { new (): T; readonly prototype: T }): T {
  const found = document.getElementById(id)
  if (!(found instanceof kind)) throw new Error(`page.html has no <${kind.name}> with the id "${id}"`)
  return found
}
