/**
 * Browsers, `tartan-search/browser`: an index on any static host, asked in the page's own module worker, so that the page never
 * waits. The worker's script is one line of yours: `serveTextSearch({ openEncoder: openEncoderAt })`.
 */
export { newestOnly } from '../ask/newestOnly.ts'
export {
  type BrowserIndexOptions,
  type BrowserSearchOptions,
  type ModelAddresses,
  type OpenEncoder,
  openBrowserIndex,
  openTextSearch,
} from './browser/openBrowser.ts'
export { type ServeTextSearchOptions, serveTextSearch } from './browser/serveTextSearch.ts'
export { openTextSearchInWorker } from './browser/workerTextSearch.ts'
