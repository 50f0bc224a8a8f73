/** Files below a URL by range requests: enough for a test's server, which never fails. */
import { NotFoundError } from '../../format/errors.ts'
import { checkRange, type IndexFiles } from '../../format/rangeReader.ts'

/** @param url - with a slash at the end */
export function urlFiles(url: string): IndexFiles {
  return {
    key: url,
    async open(name) {
      const file = new URL(name, url).href
      const head = await fetch(file, { method: 'HEAD' })
      if (!head.ok) throw new NotFoundError(`${file}: status ${head.status}.`)
      const size = Number(head.headers.get('Content-Length'))
      return {
        key: file,
        size,
        async read(offset, length) {
          checkRange(file, offset, length, size)
          if (length === 0) return new Uint8Array()
          const range = `bytes=${offset}-${offset + length - 1}`
          return new Uint8Array(await (await fetch(file, { headers: { Range: range } })).arrayBuffer())
        },
      }
    },
  }
}
