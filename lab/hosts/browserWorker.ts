/** The whole script of a page's search worker that is asked with vectors. */
import { serveTextSearch } from '../../runtime/platform/browser.ts'

serveTextSearch()
