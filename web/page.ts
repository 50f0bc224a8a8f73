/** The search page: type-ahead over the app's own API, with the query in the URL. Built into one HTML by scripts/buildPage.ts. */
import { AnswerError, askIndexes, askSearch, type IndexAnswer, type SearchAnswerBody } from './client.ts'
import { drawHits, toggleHit } from './results.ts'

const DEBOUNCE_MS = 120
/** Faster answers show no progress line: it would only flicker. */
const PROGRESS_AFTER_MS = 200
const HITS_SHOWN = 20
const HINTS_SHOWN = 5
const HINT_WORDS = 6

const form = byId('form', HTMLFormElement)
const input = byId('query', HTMLInputElement)
const picker = byId('index', HTMLSelectElement)
const list = byId('results', HTMLOListElement)
const empty = byId('empty', HTMLElement)

/** All that changes while the page is open. */
const state: {
  indexes: readonly IndexAnswer[]
  /** The request under way; a newer one aborts it, so an old answer can never replace a newer one. */
  asking: AbortController | undefined
  debounce: number
  /** What is shown or asked for, to leave out repeated questions. */
  asked: string
  /** Whether the next change of the query makes a history entry instead of replacing the one that typing made. */
  settled: boolean
} = { indexes: [], asking: undefined, debounce: 0, asked: '', settled: true }

start()

async function start(): Promise<void> {
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    searchNow()
    state.settled = true
  })
  input.addEventListener('input', () => {
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
  input.value = parameters.get('q') ?? ''
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
  if (query) parameters.set('q', query)
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
  state.asking?.abort()
  document.title = query ? `${query} · Tartan search` : 'Tartan search'
  if (!query) {
    state.asking = undefined
    setBusy(false)
    showNothing('')
    empty.hidden = false
    return
  }
  const asking = new AbortController()
  state.asking = asking
  setBusy(true)
  try {
    const request = { query, index: index.name, k: HITS_SHOWN, highlight: index.hasTexts }
    const answer = await askSearch(request, asking.signal)
    if (state.asking === asking) showAnswer(answer)
  } catch (error) {
    if (state.asking !== asking) return
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

function showIndex(index: IndexAnswer): void {
  byId('about', HTMLElement).textContent = `${index.name} · ${count(index.passages, 'passage')}`
}

function showAnswer(answer: SearchAnswerBody): void {
  showNothing(answer.hits.length === 0 ? 'No passage found. Try other words.' : '')
  drawHits(list, answer.hits)
  if (answer.hits.length > 0)
    setStatus(
      `${count(answer.hits.length, 'passage')} in ${Math.max(1, Math.round(answer.tookMs ?? 0)).toLocaleString()} ms`,
    )
}

function showError(error: unknown): void {
  showNothing('')
  const box = byId('error', HTMLElement)
  const title = document.createElement('strong')
  title.textContent = error instanceof AnswerError ? error.title : 'The page made a mistake'
  box.replaceChildren(title, error instanceof Error ? error.message : String(error))
  box.hidden = false
}

function showNothing(status: string): void {
  list.replaceChildren()
  empty.hidden = true
  byId('error', HTMLElement).hidden = true
  setStatus(status)
}

function setStatus(text: string): void {
  byId('status', HTMLElement).textContent = text
}

/** Examples from the index itself: titles, or first words, of a few passages. Also warms up the server. */
async function drawHints(): Promise<void> {
  const index = chosenIndex()
  if (!index?.hasTexts) return
  const question = { query: 'introduction and overview', index: index.name, k: HINTS_SHOWN, highlight: false }
  // Examples are a nicety: when there are none, the search box alone will do.
  const answer = await askSearch(question, new AbortController().signal).catch(() => undefined)
  if (!answer || index !== chosenIndex()) return
  const hints = answer.hits.map(({ title, text = '' }) => firstWords(title || text)).filter((hint) => hint !== '')
  byId('hintsTitle', HTMLElement).hidden = hints.length === 0
  byId('hints', HTMLElement).replaceChildren(
    ...[...new Set(hints)].map((hint) => {
      const item = document.createElement('li')
      const button = document.createElement('button')
      button.type = 'button'
      button.textContent = hint
      button.addEventListener('click', () => {
        input.value = hint
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

function firstWords(text: string): string {
  const words = text.trim().split(/\s+/)
  return words
    .slice(0, HINT_WORDS)
    .join(' ')
    .replace(/[,;:.]+$/, '')
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
