/** The whole script of a page's search worker that is asked with texts. */
import { openEncoderAt } from '../../runtime/encoders/webEncoder.ts'
import { serveTextSearch } from '../../runtime/platform/browser.ts'

serveTextSearch({ openEncoder: openEncoderAt })
