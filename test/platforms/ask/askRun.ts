/** What every host does in the test of questions, with nothing of any host in it. */
import type { TextSearch } from '../../../runtime/ask/textSearch.ts'

const QUESTIONS = ['brain scans of infants', 'model complexity', '0-dimensional biomaterials']

/** Everything of the answers but how long they took. */
export async function askAll(search: TextSearch): Promise<unknown> {
  const answers: object[] = []
  for (const question of QUESTIONS) {
    const { ms, ...answer } = await search.ask(question, { k: 3, highlight: true })
    answers.push({ ...answer, steps: Object.keys(ms) })
  }
  return { answers, passage: await search.passage('4983') }
}
