/** Finds and starts the Chromium that the browser tests drive. A missing one is an error, never a skip. */
import { existsSync } from 'node:fs'
import { type Browser, chromium } from 'playwright-core'

const PLACES = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
]

/** @throws Error that tells how to install Chromium */
export async function launchChromium(): Promise<Browser> {
  const named = process.env.CHROMIUM_PATH
  const executablePath = named ?? PLACES.find((place) => existsSync(place))
  if (!executablePath || !existsSync(executablePath)) {
    const tried = named ? `CHROMIUM_PATH=${named}` : PLACES.join(', ')
    throw new Error(
      `The browser tests need Chromium; there is none at ${tried}. Install it (Debian: apt-get install chromium) or set CHROMIUM_PATH.`,
    )
  }
  return chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] })
}
