/** Finds and starts the Chromium that the browser tests drive. A missing one is an error, never a skip. */
import { existsSync } from 'node:fs'
import { type Browser, chromium } from 'playwright-core'

const PLACES = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
]

/** Path of an installed Chromium: CHROMIUM_PATH, or the usual places. */
export function findChromium(): string | undefined {
  const named = process.env.CHROMIUM_PATH
  return (named ? [named] : PLACES).find((place) => existsSync(place))
}

/** @throws Error that tells how to install Chromium */
export async function launchChromium(): Promise<Browser> {
  const executablePath = findChromium()
  if (!executablePath) {
    const named = process.env.CHROMIUM_PATH
    const tried = named ? `CHROMIUM_PATH=${named}` : PLACES.join(', ')
    throw new Error(
      `The browser tests need Chromium; there is none at ${tried}. Install it (Debian: apt-get install chromium) or set CHROMIUM_PATH.`,
    )
  }
  return chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] })
}
