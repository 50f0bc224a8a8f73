/** The built search page in a real Chromium, served by the real Node server over the toy searcher. */
import type { Browser, Page, Request } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { QUERY_CHARACTERS_MAX } from '../../encoder/limits.ts'
import { StorageError } from '../../format/errors.ts'
import { launchChromium } from '../../lab/hosts/chromium.ts'
import { createApp } from '../../runtime/http/index.ts'
import { type RunningServer, serve } from '../../runtime/platform/node.ts'
import type { Searcher } from '../../runtime/searcher.ts'
import { buildPage } from '../../scripts/buildPage.ts'
import { createToySearcher, ToyEncoder, toyPassages } from '../http/toySearcher.ts'

const WAIT_MS = 10_000
const POLLED = { timeout: WAIT_MS }

let browser: Browser
let server: RunningServer
let page: Page
/** What the page must never do: console errors, CSP violations, uncaught errors, requests to other hosts. */
let complaints: string[]
let toy: Searcher
/** Replaced by tests that need a slow or failing search. */
let search: Searcher['search']

beforeAll(async () => {
  const encoder = new ToyEncoder()
  toy = await createToySearcher('weaving', encoder, toyPassages)
  const second = await createToySearcher('second', encoder, [
    { id: 'only', title: 'Only passage', text: 'Twill again.' },
  ])
  const indexes = {
    weaving: { ...toy, search: (...given: Parameters<Searcher['search']>) => search(...given) },
    second,
    titles: await createToySearcher('titles', encoder, [
      { id: 'a', title: 'A randomised trial of vitamin d for the prevention of fractures', text: 'One.' },
      { id: 'b', title: 'The behaviour change wheel: A new method for characterising interventions', text: 'Two.' },
    ]),
    many: await createToySearcher(
      'many',
      encoder,
      Array.from({ length: 60 }, (_, i) => ({
        id: `p${i}`,
        title: `Passage ${i}`,
        text: `Twill ${'warp and weft '.repeat(40)}`,
      })),
    ),
  }
  server = await serve({ app: createApp({ indexes, encoder, page: await buildPage() }), port: 0 })
  browser = await launchChromium()
}, 60_000)

afterAll(async () => {
  await browser?.close()
  await server?.close()
})

beforeEach(async () => {
  search = toy.search
  complaints = []
  page = await browser.newPage()
  page.setDefaultTimeout(WAIT_MS)
  page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()))
  page.on('pageerror', (error) => complaints.push(String(error)))
  page.on('request', (request) => {
    const { protocol, origin } = new URL(request.url())
    if (protocol !== 'data:' && origin !== server.url) complaints.push(`request to ${request.url()}`)
  })
})

afterEach(async () => {
  await page.close()
  expect(complaints).toEqual([])
})

const firstTitle = () => page.locator('.hit h2').first()
const query = () => page.getByLabel('Search the passages')

async function open(path = '/'): Promise<void> {
  await page.goto(server.url + path)
  await page.locator('.about').getByText('passage').waitFor()
}

async function waitForTitle(title: string): Promise<void> {
  await firstTitle().filter({ hasText: title }).waitFor()
}

/** Filled parts of the bars. */
async function barShares(): Promise<number[]> {
  return page
    .locator('.bar i')
    .evaluateAll((all) => all.map((bar) => Number(getComputedStyle(bar).getPropertyValue('--share'))))
}

async function focusedRank(): Promise<string | null> {
  return page.evaluate(() => document.activeElement?.querySelector('.rank')?.textContent ?? null)
}

describe('the search page', { timeout: 30_000 }, () => {
  it('shows results while typing, with the words that answer marked, the time and the index', async () => {
    await open()
    await query().pressSequentially('twill drape')
    await waitForTitle('Twill weave')
    await page.locator('.hit').first().locator('mark').getByText('drape').waitFor()
    expect(await page.locator('.hit').first().locator('mark').allTextContents()).toEqual(['Twill', 'twill', 'drape'])
    expect(await page.getByRole('status').textContent()).toMatch(/^All 9 passages, best first · [\d,]+ ms$/)
    // A similarity of 1 is drawn with full strength.
    const strength = await page
      .locator('mark')
      .first()
      .evaluate((mark) => mark.style.getPropertyValue('--strength'))
    expect(strength).toBe('1.00')
  })

  it('has bars that show how well a passage fits: full where each word is answered, empty where none is', async () => {
    await open('/?q=twill+drape')
    await waitForTitle('Twill weave')
    expect(await barShares()).toEqual([1, ...Array(8).fill(0)])
    // The best of a bad lot is not drawn as if it were good, and the status says so. Words of another index have a similarity of 0.1.
    await query().fill('randomised trial')
    await page.getByRole('status').getByText('No close match. The nearest 9 of 9 passages').waitFor()
    expect(await barShares()).toEqual(Array(9).fill(0))
    expect(await page.locator('.hit mark').count()).toBe(0)
    // Half of the words: a cosine of 0.55 on a scale from 0.45 to 0.95.
    await query().fill('twill randomised')
    await expect.poll(async () => (await barShares())[0], POLLED).toBeCloseTo(0.2, 2)
  })

  it('answers the query of the URL, writes queries there, and goes back', async () => {
    await open('/?q=selvedge')
    await waitForTitle('A long history')
    expect(await query().inputValue()).toBe('selvedge')
    await query().fill('lichen')
    await waitForTitle('Natural dyes')
    await query().fill('lichen indigo')
    await page.waitForURL('**/?q=lichen+indigo')
    await page.goBack()
    // Typing made one entry, not one a pause: one step back is the query before it.
    await waitForTitle('A long history')
    expect(await query().inputValue()).toBe('selvedge')
    expect(await page.title()).toBe('selvedge · Tartan search')
    await page.goForward()
    await waitForTitle('Natural dyes')
  })

  it('makes an entry of each query that was sent with Enter', async () => {
    await open()
    for (const [text, title] of [
      ['lichen', 'Natural dyes'],
      ['roman', 'The Falkirk cloth'],
    ] as const) {
      await query().fill(text)
      await query().press('Enter')
      await waitForTitle(title)
    }
    await page.goBack()
    await waitForTitle('Natural dyes')
    await page.goBack()
    await page.getByText('Try one of these').waitFor()
  })

  it('is used with the keyboard alone', async () => {
    await open()
    await page.keyboard.press('/')
    await page.keyboard.type('selvedge wool')
    await waitForTitle('A long history')
    await page.keyboard.press('ArrowDown')
    expect(await focusedRank()).toBe('1')
    await page.keyboard.press('ArrowDown')
    expect(await focusedRank()).toBe('2')
    await page.keyboard.press('ArrowUp')
    const more = page.locator('.hit').first().locator('.more')
    expect(await more.getAttribute('aria-expanded')).toBe('false')
    await page.keyboard.press('Enter')
    expect(await more.getAttribute('aria-expanded')).toBe('true')
    expect(await page.locator('.hit').first().locator('.text').textContent()).toBe(toyPassages.at(-1)!.text)
    await page.keyboard.press('ArrowUp')
    expect(await query().evaluate((input) => input === document.activeElement)).toBe(true)
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('Escape')
    expect(await query().inputValue()).toBe('selvedge wool')
    await page.keyboard.press('Escape')
    expect(await query().inputValue()).toBe('')
    await page.getByText('Try one of these').waitFor()
    expect(await page.locator('.hit').count()).toBe(0)
  })

  it('starts the excerpt where the answer is when that is far down', async () => {
    await open('/?q=selvedge+fray')
    await waitForTitle('A long history')
    const text = page.locator('.hit').first().locator('.text')
    expect(await text.textContent()).toMatch(/^… .*selvedge/)
    expect(await text.locator('mark').first().isVisible()).toBe(true)
  })

  it('shows markup in passages as text', async () => {
    await open('/?q=markup+onerror')
    await waitForTitle('Markup <b>in</b> texts & "titles"')
    await page.locator('.hit').first().locator('.more').click()
    expect(await page.locator('.hit').first().locator('.text').textContent()).toBe(toyPassages[6]!.text)
    expect(await page.locator('#results img, #results script, #results b').count()).toBe(0)
    expect(await page.title()).toBe('markup onerror · Tartan search')
  })

  it('shows what the server says when a search fails, and recovers', async () => {
    search = () => Promise.reject(new StorageError('bucket secret-7 is gone'))
    await open()
    await query().fill('twill')
    const alert = page.getByRole('alert')
    await alert.getByText('The storage of this index did not answer. Try again later.').waitFor()
    expect(await alert.textContent()).not.toContain('secret')
    search = toy.search
    await alert.getByRole('button', { name: 'Try again' }).click()
    await waitForTitle('Twill weave')
    expect(await alert.isVisible()).toBe(false)
    // Chromium itself reports each failed request, here the example search and the query; nothing else may be there.
    complaints = complaints.filter((complaint) => !complaint.includes('status of 503'))
  })

  it('takes the message of a failed search away as soon as the next one runs', async () => {
    search = () => Promise.reject(new StorageError('gone'))
    await open()
    await query().fill('twill')
    const alert = page.getByRole('alert')
    await alert.waitFor()
    let release = () => {}
    const gate = new Promise<void>((resolve) => (release = resolve))
    search = (...given) => gate.then(() => toy.search(...given))
    await query().fill('lichen')
    await alert.waitFor({ state: 'hidden' })
    release()
    await waitForTitle('Natural dyes')
    complaints = complaints.filter((complaint) => !complaint.includes('status of 503'))
  })

  it('asks a busy server once more, when it says', async () => {
    await open()
    await page.getByText('Try one of these').waitFor()
    let refusals = 0
    const busy = { title: 'Service Unavailable', status: 503, detail: 'Too many ask.', code: 'BUSY' }
    await page.route('**/v1/search', (route) => {
      if (++refusals > 1) return route.continue()
      const headers = { 'Retry-After': '1', 'Content-Type': 'application/problem+json' }
      return route.fulfill({ status: 503, headers, body: JSON.stringify(busy) })
    })
    await query().fill('twill')
    await page.getByRole('status').getByText('The server is busy. Trying again in 1 s').waitFor()
    expect(await page.getByRole('alert').isVisible()).toBe(false)
    await waitForTitle('Twill weave')
    expect(refusals).toBe(2)
    // Only once: then it is told, with a button.
    await page.unroute('**/v1/search')
    await page.route('**/v1/search', (route) => {
      const headers = { 'Retry-After': '1', 'Content-Type': 'application/problem+json' }
      return route.fulfill({ status: 503, headers, body: JSON.stringify(busy) })
    })
    await query().fill('lichen')
    await page.getByRole('alert').getByText('The server is busy').waitFor()
    complaints = complaints.filter((complaint) => !complaint.includes('status of 503'))
  })

  it('shows the best of many, says of how many, and more of them on demand', async () => {
    await open('/?index=many&q=twill')
    const status = page.getByRole('status')
    await status.getByText('Best 20 of 60 passages').waitFor()
    const more = page.getByRole('button', { name: 'Show more' })
    await page.locator('.hit').first().press('Enter')
    await more.focus()
    await more.press('Enter')
    await status.getByText('Best 50 of 60 passages').waitFor()
    // The keyboard goes on where the new ones begin; what was open stays open.
    await expect.poll(focusedRank, POLLED).toBe('21')
    expect(await page.locator('.hit').first().locator('.more').getAttribute('aria-expanded')).toBe('true')
    await more.click()
    await status.getByText('All 60 passages, best first').waitFor()
    expect(await page.locator('.hit').count()).toBe(60)
    expect(await more.isVisible()).toBe(false)
    await query().fill('twill weft')
    await status.getByText('Best 20 of 60 passages').waitFor()
  })

  it('lets no more be typed than the server takes, and says so', async () => {
    await open()
    expect(Number(await query().getAttribute('maxlength'))).toBe(QUERY_CHARACTERS_MAX)
    await query().fill('twill '.repeat(QUERY_CHARACTERS_MAX / 4))
    await page.getByRole('status').getByText('8,192 characters').waitFor()
    await waitForTitle('Twill weave')
    // A question that fits the box fits the address as well only when it is short.
    expect(new URL(page.url()).search).toBe('')
    await query().fill('twill')
    await page.waitForURL('**/?q=twill')
    expect(await page.locator('#note').isVisible()).toBe(false)
  })

  it('says that the end of a question was not read', async () => {
    await page.route('**/v1/search', async (route) => {
      const answer = (await (await route.fetch()).json()) as object
      await route.fulfill({ json: { ...answer, truncated: true } })
    })
    await open('/?q=twill')
    await page.getByRole('status').getByText('longer than the model reads').waitFor()
  })

  it('has each hit in the order of the tab key, before what can be done with it', async () => {
    await open('/?q=selvedge+wool')
    await waitForTitle('A long history')
    await query().focus()
    await page.keyboard.press('Tab')
    expect(await focusedRank()).toBe('1')
    await page.keyboard.press('Tab')
    expect(await page.evaluate(() => document.activeElement?.className)).toBe('more')
    expect(await page.getByRole('article', { name: 'A long history' }).count()).toBe(1)
  })

  it('names the index once', async () => {
    await open()
    expect(await page.locator('header').innerText()).not.toMatch(/weaving[\s\S]*weaving · /)
    await page.route('**/v1/indexes', async (route) => {
      const answer = (await (await route.fetch()).json()) as { indexes: unknown[] }
      await route.fulfill({ json: { indexes: answer.indexes.slice(0, 1) } })
    })
    await page.goto(server.url)
    await page.getByText('weaving · 9 passages').waitFor()
    expect(await page.getByLabel('Index').isVisible()).toBe(false)
  })

  it('lets no text be seen above or beside the box while the page is scrolled', async () => {
    await page.setViewportSize({ width: 700, height: 500 })
    await open('/?index=many&q=twill')
    await page.locator('.hit').nth(5).scrollIntoViewIfNeeded()
    await page.mouse.wheel(0, 300)
    await expect.poll(() => page.evaluate(() => scrollY), POLLED).toBeGreaterThan(300)
    const above = await page.evaluate(() => {
      const { top, bottom, left, right } = document.querySelector('.search')!.getBoundingClientRect()
      const hit = document.querySelector('.results')!.getBoundingClientRect()
      const points = [
        [hit.left + 1, top - 3],
        [(left + right) / 2, top - 3],
        [hit.right - 1, (top + bottom) / 2],
      ]
      return points.map(([x = 0, y = 0]) => document.elementFromPoint(x, y)?.closest('search') !== null)
    })
    expect(above).toEqual([true, true, true])
  })

  it('does without marks where the server cannot say which words answer', async () => {
    await page.route('**/v1/indexes', async (route) => {
      const answer = (await (await route.fetch()).json()) as { indexes: object[] }
      await route.fulfill({ json: { indexes: answer.indexes.map((index) => ({ ...index, highlight: false })) } })
    })
    await open('/?q=twill')
    await waitForTitle('Twill weave')
    expect(await page.locator('mark, .bar').count()).toBe(0)
  })

  it('says that the server cannot be reached when it cannot', async () => {
    await open()
    await page.route('**/v1/search', (route) => route.abort())
    await query().fill('twill')
    await page.getByRole('alert').getByText('The server cannot be reached.').waitFor()
    complaints = complaints.filter((complaint) => !complaint.includes('net::ERR_FAILED'))
  })

  it('aborts an older question and never shows its answer over a newer one', async () => {
    await open()
    await page.getByText('Try one of these').waitFor()
    let asked = () => {}
    const firstAsked = new Promise<void>((resolve) => (asked = resolve))
    let release = () => {}
    const gate = new Promise<void>((resolve) => (release = resolve))
    let calls = 0
    search = async (...given) => {
      calls++
      if (calls > 1) return toy.search(...given)
      asked()
      await gate
      return toy.search(...given)
    }
    const isFirst = (request: Request) => request.postData()?.includes('lichen') ?? false
    const outcome = Promise.race([
      page.waitForEvent('requestfinished', isFirst).then(() => 'answered'),
      page.waitForEvent('requestfailed', isFirst).then(() => 'aborted'),
    ])
    await query().fill('lichen')
    await firstAsked
    await query().fill('roman')
    await waitForTitle('The Falkirk cloth')
    release()
    expect(await outcome).toBe('aborted')
    // Two frames later the page would have drawn whatever it had received.
    await page.evaluate(() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))))
    expect(await firstTitle().textContent()).toBe('The Falkirk cloth')
    expect(calls).toBe(2)
  })

  it('offers examples that are whole, or cut between two words and marked as cut', async () => {
    await open('/?index=titles')
    await expect
      .poll(() => page.locator('.hints button').allTextContents(), POLLED)
      .toEqual(['The behaviour change wheel', 'A randomised trial of vitamin d…'])
    await page.getByRole('button', { name: 'A randomised trial' }).click()
    expect(await query().inputValue()).toBe('A randomised trial of vitamin d')
  })

  it('offers examples from the index that search when clicked', async () => {
    await open()
    await page.getByRole('button', { name: 'Natural dyes' }).click()
    await waitForTitle('Natural dyes')
    expect(new URL(page.url()).search).toBe('?q=Natural+dyes')
  })

  it('searches the index that is chosen and keeps it in the URL', async () => {
    await open('/?q=twill')
    await waitForTitle('Twill weave')
    await page.getByLabel('Index').selectOption('second')
    await waitForTitle('Only passage')
    expect(new URL(page.url()).search).toBe('?q=twill&index=second')
    await page.reload()
    await waitForTitle('Only passage')
    await page.getByText('1 passage', { exact: true }).waitFor()
  })

  it('works again when the browser has it in its cache', async () => {
    await open('/?q=twill')
    await waitForTitle('Twill weave')
    await open('/?q=twill')
    await waitForTitle('Twill weave')
  })

  it.each([320, 1280])('fits a window %i pixels wide in light and dark', async (width) => {
    await page.setViewportSize({ width, height: 700 })
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme })
      await open('/?q=markup+onerror')
      await waitForTitle('Markup')
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)
      expect(overflow).toBeLessThanOrEqual(0)
      expect(await worstContrast()).toBeGreaterThanOrEqual(4.5)
    }
  })
})

/** WCAG 2.2 contrast of the marked words, ids, ranks and texts against what lies behind them, the smallest. */
async function worstContrast(): Promise<number> {
  return page.evaluate(() => {
    const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true })!
    /** Paints the backgrounds from the root to the element, so that the canvas does the blending. */
    const painted = (layers: string[]): number[] => {
      for (const layer of layers) {
        canvas.fillStyle = layer
        canvas.fillRect(0, 0, 1, 1)
      }
      return [...canvas.getImageData(0, 0, 1, 1).data.slice(0, 3)]
    }
    const luminance = (rgb: number[]): number => {
      const [red = 0, green = 0, blue = 0] = rgb.map((value) => {
        const share = value / 255
        return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4
      })
      return 0.2126 * red + 0.7152 * green + 0.0722 * blue
    }
    const ratios = [...document.querySelectorAll('mark, .id, .rank, .text, .about, .status, .more, .score, kbd')].map(
      (node) => {
        const layers: string[] = []
        for (let at: Element | null = node; at; at = at.parentElement)
          layers.unshift(getComputedStyle(at).backgroundColor)
        const [light = 0, dark = 0] = [painted(layers), painted([getComputedStyle(node).color])]
          .map(luminance)
          .sort((a, b) => b - a)
        return (light + 0.05) / (dark + 0.05)
      },
    )
    return Math.min(...ratios)
  })
}
