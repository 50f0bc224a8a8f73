/** How far `fit` tells answers from nothing: questions of the index's own kind, of other kinds, and noise. Usage and keys: bench/README.md. */
import { readFileSync } from 'node:fs'
import { seededRandom } from '../../lab/data/randomSegment.ts'
import { openTextSearch } from '../../runtime/platform/node.ts'
import { integer, progress, REQUIRED_FOLDER, runBench, sharedFolder, textTable } from '../harness/commandLine.ts'
import { startRecord, writeResult } from '../harness/record.ts'
import { median, percentile, significant } from '../harness/samples.ts'

const USAGE = 'npm run -s bench:fit -- --index INDEX_OF_SCIFACT [--shared FOLDER] [--queries 250]'
/** Below it the search page says that nothing fits (web/results.ts). */
const NO_MATCH_BELOW = 0.55

await runBench(
  USAGE,
  { index: REQUIRED_FOLDER, shared: '', queries: integer(250, 5000) },
  async ({ index, shared, queries: count }) => {
    const started = await startRecord('fit')
    const textsOf = async (name: string) => {
      const file = await sharedFolder(shared, 'collections', name, 'queries.jsonl')
      const texts = readFileSync(file, 'utf8')
        .trim()
        .split('\n')
        .map((line) => (JSON.parse(line) as { text: string }).text)
      return texts.filter((_, i) => i % Math.max(1, Math.floor(texts.length / count)) === 0).slice(0, count)
    }
    const sets = {
      scifact: await textsOf('scifact'),
      cosqa: await textsOf('cosqa'),
      squad: await textsOf('squad-dev-v1.1'),
      noise: noise(count),
    }
    const search = await openTextSearch(index, { workers: 2 })
    const rows = [['', 'questions', 'p5', 'median', 'p95', `below ${NO_MATCH_BELOW}`]]
    const points = []
    for (const [name, texts] of Object.entries(sets)) {
      const fits: number[] = []
      for (const text of texts) {
        const { hits } = await search.ask(text, { k: 1, highlight: true })
        fits.push(hits[0]?.fit ?? 0)
      }
      const point = {
        questions: name,
        count: fits.length,
        fit_p5: significant(percentile(fits, 0.05), 3),
        fit_p50: significant(median(fits), 3),
        fit_p95: significant(percentile(fits, 0.95), 3),
        share_below: significant(fits.filter((fit) => fit < NO_MATCH_BELOW).length / fits.length, 3),
      }
      points.push(point)
      rows.push([name, ...[point.count, point.fit_p5, point.fit_p50, point.fit_p95, point.share_below].map(String)])
      progress(rows.at(-1)!.join('  '))
    }
    await search.close()
    await writeResult('fit-scifact', started, {
      parameters: { index: 'SciFact, 5,183 abstracts', no_match_below: NO_MATCH_BELOW },
      samples: {
        questions: 'spread evenly over each collection; noise is one to four made-up words of lower-case letters',
      },
      units: { fit: 'of the first hit', share_below: 'of the questions' },
      metrics: { points },
    })
    process.stdout.write(`${textTable(rows)}\n`)
  },
)

function noise(count: number): readonly string[] {
  const random = seededRandom(1)
  const letter = () => String.fromCharCode(97 + Math.floor(random() * 26))
  const word = () => Array.from({ length: 3 + Math.floor(random() * 6) }, letter).join('')
  return Array.from({ length: count }, () => Array.from({ length: 1 + Math.floor(random() * 4) }, word).join(' '))
}
