/** Serves the case apps from a Service Worker, at the root of its origin. */
import { serveFromServiceWorker } from '../../../runtime/platform/serviceWorker.ts'
import { createCaseHandler } from '../../contracts/caseApps.ts'

const handle = createCaseHandler()

serveFromServiceWorker({ base: '/', open: async () => ({ fetch: handle }) as never })
