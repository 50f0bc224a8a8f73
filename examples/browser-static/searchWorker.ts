/** The page's worker: encodes the text, searches the index by byte ranges, and gives back the passages. The page never waits. */
import { serveTextSearch } from 'tartan-search/browser'
import { openEncoderAt } from 'tartan-search/web-encoder'

serveTextSearch({ openEncoder: openEncoderAt })
