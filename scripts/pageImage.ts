/**
 * Makes docs/images/search.png, the picture of the search page in the README:
 *
 *     node scripts/pageImage.ts [INDEX]     default: the index of `npm run demo`
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { launchChromium } from '../lab/hosts/chromium.ts'
import { ROOT } from '../lab/root.ts'

const QUERY = 'does vitamin d supplementation prevent fractures'
const SIZE = { width: 1000, height: 640 }

async function startServer(index: string): Promise<{ server: ChildProcess; url: string }> {
  const server = spawn(process.execPath, [join(ROOT, 'cli/tartan.js'), 'serve', index, '--port', '0'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  for await (const line of createInterface({ input: server.stdout })) {
    const url = /http:\/\/[\d.]+:\d+/.exec(line)?.[0]
    if (url) return { server, url }
  }
  throw new Error('tartan serve ended before it said its address')
}

const { server, url } = await startServer(process.argv[2] ?? join(ROOT, '.demo/scifact.tartan'))
const browser = await launchChromium()
try {
  const page = await browser.newPage({ viewport: SIZE, colorScheme: 'light' })
  // Once to warm up, so that the picture shows the time of a running server.
  for (const query of ['bone density', QUERY]) {
    await page.goto(`${url}/?q=${encodeURIComponent(query)}`)
    await page.locator('.results[aria-busy="false"] .hit').first().waitFor()
  }
  // Hits fade in.
  await page.waitForTimeout(1000)
  await page.screenshot({ path: join(ROOT, 'docs/images/search.png') })
} finally {
  await browser.close()
  server.kill()
}
