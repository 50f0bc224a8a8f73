/** Opens an index and asks it a question: `node examples/library.ts INDEX "question"`. */
import { openTextSearch } from 'tartan-search/node'

const [path, question] = process.argv.slice(2)
if (!path || !question) throw new Error('usage: node examples/library.ts INDEX "question"')

const search = await openTextSearch(path)
const { hits } = await search.ask(question, { k: 5 })
for (const { rank, id, score, title = '', text = '' } of hits) {
  console.log(`${rank}  ${score.toFixed(3)}  ${id}  ${title}\n   ${text.slice(0, 80)}`)
}
await search.close()
