/** Files below a URL, read whole: enough for a test's server. */
import type { IndexFiles } from '../../format/rangeReader.ts'
import { memoryReader } from '../../runtime/readers/memory.ts'

export function urlFiles(url: string): IndexFiles {
  return {
    key: url,
    async open(name) {
      const response = await fetch(new URL(name, url))
      if (!response.ok) throw new Error(`${response.status} for ${response.url}`)
      return memoryReader(name, new Uint8Array(await response.arrayBuffer()))
    },
  }
}
