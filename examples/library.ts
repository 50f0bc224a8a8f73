/** Opens an index on disk and searches it: `node examples/library.ts INDEX "query"`. */

import { openIndex, openQueryEncoder } from 'tartan-search/node'

const [path, query] = process.argv.slice(2)
if (!path || !query) throw new Error('usage: node examples/library.ts INDEX "query"')

const searcher = await openIndex(path)
const encoder = await openQueryEncoder(searcher.info)
const { hits } = await searcher.search(await encoder.encodeQuery(query), { k: 5 })
const passages = await searcher.passages(hits.map((hit) => hit.pid))
for (const [i, { rank, id, score }] of hits.entries()) {
  console.log(`${rank}  ${score.toFixed(3)}  ${id}  ${passages[i]?.title ?? ''}`)
}
await encoder.close()
await searcher.close()
