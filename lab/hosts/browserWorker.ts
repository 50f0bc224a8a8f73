/** The whole script of a page's search worker. */
import { serveIndex } from '../../runtime/platform/browser.ts'

serveIndex()
