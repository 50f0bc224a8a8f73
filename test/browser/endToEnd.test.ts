/** The main job as a person does it: real corpus, real model, real index, real server, real browser. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { buildFromCorpus } from '../../builder/buildIndex.ts'
import { readCorpus } from '../../builder/corpus/corpus.ts'
import type { Encoder } from '../../encoder/encoder.ts'
import { openModel } from '../../runtime/platform/node/encoderNode.ts'
import { openIndex } from '../../runtime/platform/node/nodeIndex.ts'
import { type RunningServer, serveIndexes } from '../../runtime/platform/node.ts'
import type { OpenedIndex } from '../../runtime/searchers/openIndexFiles.ts'
import { launchChromium } from './chromium.ts'

const folder = mkdtempSync(join(tmpdir(), 'tartan-e2e-'))
const corpus = fileURLToPath(new URL('../golden/corpus/scifact40.jsonl', import.meta.url))
let encoder: Encoder
let searcher: OpenedIndex
let server: RunningServer
let browser: Browser

beforeAll(async () => {
  encoder = await openModel('tartan-small')
  const out = join(folder, 'e2e.tartan')
  await buildFromCorpus(readCorpus(corpus), encoder, { out })
  searcher = await openIndex(out)
  server = await serveIndexes({ indexes: { e2e: searcher }, encoder, port: 0 })
  browser = await launchChromium()
})

afterAll(async () => {
  await browser?.close()
  await server?.close()
  await searcher?.close()
  await encoder?.close()
  rmSync(folder, { recursive: true, force: true })
})

it('finds the abstract that says it in other words and marks the words that answer', async () => {
  const page = await browser.newPage()
  await page.goto(server.url)
  await page.getByRole('searchbox').fill('brain scans of infants')
  const first = page.getByRole('article').first()
  // The abstract speaks of "human newborn cerebral white matter" and "magnetic resonance imaging": none of the query's nouns.
  await first.getByText('Microstructural development of human newborn', { exact: false }).first().waitFor()
  const marked = (await first.locator('mark').allTextContents()).map((word) => word.toLowerCase())
  expect(marked.join(' ')).toMatch(/newborn|infant|brain|cerebral/)
  await page.close()
})

it('offers a query box that has the focus at once', async () => {
  const page = await browser.newPage()
  await page.goto(server.url)
  await page.keyboard.type('bone marrow')
  expect(await page.getByRole('searchbox').inputValue()).toBe('bone marrow')
  await page.close()
})
