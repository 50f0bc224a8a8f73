/** The built search page in a real Chromium, served by the real Node server over the toy searcher. */
import type { Browser, Page, Request } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { StorageError } from '../../format/errors.ts'
import { launchChromium } from '../../lab/hosts/chromium.ts'
import { createApp } from '../../runtime/http/index.ts'
import { type RunningServer, serve } from '../../runtime/platform/node.ts'
import type { Searcher } from '../../runtime/searcher.ts'
import { buildPage } from '../../scripts/buildPage.ts'
import { createToySearcher, ToyEncoder, toyPassages } from '../http/toySearcher.ts'

const WAIT_MS = 10_000

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
  await page.getByText('weaving · 9 passages').waitFor()
}

async function waitForTitle(title: string): Promise<void> {
  await firstTitle().filter({ hasText: title }).waitFor()
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
    expect(await page.locator('.hit').first().locator('mark').allTextContents()).toEqual(['Twill', 'drape'])
    expect(await page.getByRole('status').textContent()).toMatch(/^9 passages in \d+ ms$/)
    // A similarity of 1 is drawn with full strength, a bar of the best hit is full.
    const strength = await page
      .locator('mark')
      .first()
      .evaluate((mark) => mark.style.getPropertyValue('--strength'))
    expect(strength).toBe('1.00')
    const bars = page.locator('.bar i')
    const widths = await bars.evaluateAll((all) =>
      all.map((bar) => bar.clientWidth / (bar.parentElement?.clientWidth ?? 0)),
    )
    expect(widths[0]).toBeCloseTo(1, 1)
    expect(widths.at(-1)).toBeLessThan(widths[0]!)
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
    await query().press('Enter')
    await waitForTitle('Twill weave')
    expect(await alert.isVisible()).toBe(false)
    // Chromium itself reports each failed request, here the example search and the query; nothing else may be there.
    complaints = complaints.filter((complaint) => !complaint.includes('status of 503'))
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
    await page.getByText('second · 1 passage').waitFor()
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
