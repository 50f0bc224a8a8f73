/** Serves the case apps in a module worker of a page, by messages. */
import { createCaseHandler } from '../../contracts/caseApps.ts'

const handle = createCaseHandler()

addEventListener('message', async ({ data }: MessageEvent<[path: string, init: RequestInit]>) => {
  const [path, init] = data
  const response = await handle(new Request(new URL(path, location.origin), init))
  postMessage({ status: response.status, headers: [...response.headers], body: await response.text() })
})
