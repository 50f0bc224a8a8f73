/** A site's Service Worker: search below /search, over the index beside the page, kept for when there is no network. */
import { createApp } from '../../runtime/http/index.ts'
import { openBrowserIndex, serveFromServiceWorker } from '../../runtime/platform/serviceWorker.ts'

serveFromServiceWorker({
  base: '/search',
  open: async () => {
    const indexes = await openBrowserIndex({ index: '/index/', kernelsUrl: '/kernels.wasm', cache: 'search' })
    return createApp({ indexes, page: '<!doctype html><title>in the browser</title>' })
  },
})
