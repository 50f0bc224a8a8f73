/**
 * What queries encoded by onnxruntime-web find beside those encoded by onnxruntime-node, on a collection with judgements; and the
 * memory of a Worker that holds both the encoder and the index. Usage and the meaning of each key: bench/README.md.
 */
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { EncodedText, QueryEncoder } from '../../../encoder/encoder.ts'
import { startEncoderServer } from '../../../lab/encoding/encoderServer.ts'
import { openWebEncoder } from '../../../runtime/encoders/webEncoder.ts'
import { openModel } from '../../../runtime/platform/node/encoderNode.ts'
import { compileOnnxWeb, folderFiles, openIndex } from '../../../runtime/platform/node.ts'
import { cachedIndex } from '../../harness/cachedIndex.ts'
import { labelOf, progress, REQUIRED_FOLDER, runBench, sharedFolder, someNbits } from '../../harness/commandLine.ts'
import { exactRankings } from '../../harness/exactSearch.ts'
import { factsOf, type JudgedVectors, openJudgedVectors } from '../../harness/judgedVectors.ts'
import { startRecord, writeResult } from '../../harness/record.ts'
import { significant } from '../../harness/samples.ts'
import { qualityOf, searchAll } from '../../harness/searchRun.ts'
import { measureWorkerMemory } from '../memory/workerdMemory.ts'

const USAGE =
  'npm run -s bench:edge-quality -- --vectors FOLDER [--nbits 4] [--collection scifact] [--shared FOLDER] [--label NAME]'
const K = 10

const OPTIONS = { vectors: REQUIRED_FOLDER, nbits: someNbits('4,2'), collection: 'scifact', shared: '', label: '' }

await runBench(USAGE, OPTIONS, async ({ vectors: folder, ...options }) => {
  const label = labelOf(folder, options.label)
  const texts = await readQueries(
    await sharedFolder(options.shared, 'collections', options.collection, 'queries.jsonl'),
  )
  const started = await startRecord('edge-quality')
  const vectors = await openJudgedVectors(folder)
  const web = await encodeAll(vectors, texts, await openWeb())
  const node = await encodeAll(vectors, texts, await openModel('tartan-small'))
  const points = []
  for (const nbits of options.nbits) {
    const { path } = await cachedIndex(vectors, { nbits, label })
    const quality = await compare(vectors, path, { web, node })
    progress(`${nbits} bits: memory of a Worker with encoder and index`)
    const server = await startEncoderServer({ '/index/': path })
    const task = {
      modelUrl: `${server.url}/model/`,
      indexUrl: `${server.url}/index/`,
      query: texts.values().next().value!,
    }
    points.push({ nbits, ...quality, worker: await measureWorkerMemory(task) })
    await server.stop()
  }
  const metrics = { rows: rowsOf(web, node), points }
  await writeResult(`edge-quality-${label}`, started, {
    parameters: { ...factsOf(label, vectors), model: 'tartan-small int8', k: K },
    samples: { queries: vectors.queries.length },
    units: { 'ndcg@10, overlap@10, *_share': 'share, 0 to 1', '*_mb': '10^6 bytes', '*_ms': 'milliseconds' },
    metrics,
  })
  process.stdout.write(`${JSON.stringify(metrics, undefined, 2)}\n`)
  await vectors.store.close()
})

async function openWeb(): Promise<QueryEncoder> {
  const model = fileURLToPath(new URL('../../../models/tartan-small', import.meta.url))
  return openWebEncoder({ files: folderFiles(model), ort: { wasm: await compileOnnxWeb() } })
}

/** The texts of the judged queries, in the order of their vectors. */
async function encodeAll(
  { queries }: JudgedVectors,
  texts: ReadonlyMap<string, string>,
  encoder: QueryEncoder,
): Promise<readonly (EncodedText & { readonly id: string })[]> {
  const encoded = []
  for (const { id } of queries) encoded.push({ id, ...(await encoder.encodeQuery(texts.get(id) ?? '')) })
  await encoder.close()
  return encoded
}

interface Encoded {
  readonly web: readonly (EncodedText & { readonly id: string })[]
  readonly node: readonly (EncodedText & { readonly id: string })[]
}

async function compare(vectors: JudgedVectors, path: string, { web, node }: Encoded) {
  const searcher = await openIndex(path)
  const exact = await exactRankings(vectors)
  const found = await searchAll(searcher, web, { k: K })
  const wanted = await searchAll(searcher, node, { k: K })
  await searcher.close()
  const share = (of: (i: number) => number) =>
    significant(wanted.hits.reduce((sum, _, i) => sum + of(i), 0) / wanted.hits.length)
  return {
    web: qualityOf(vectors, found.hits, exact),
    node: qualityOf(vectors, wanted.hits, exact),
    'overlap@10_web_node': share((i) => {
      const ids = new Set(found.hits[i]!.map(({ id }) => id))
      return wanted.hits[i]!.filter(({ id }) => ids.has(id)).length / wanted.hits[i]!.length
    }),
    same_first_share: share((i) => Number(found.hits[i]![0]!.id === wanted.hits[i]![0]!.id)),
    same_order_share: share((i) => Number(idsOf(found.hits[i]!) === idsOf(wanted.hits[i]!))),
  }
}

function idsOf(hits: readonly { readonly id: string }[]): string {
  return hits.map(({ id }) => id).join(' ')
}

/** How near the rows are to each other. */
function rowsOf(web: Encoded['web'], node: Encoded['node']) {
  const cosines: number[] = []
  let largest = 0
  for (const [i, { vectors, dim }] of web.entries()) {
    const other = node[i]!.vectors
    for (let start = 0; start < vectors.length; start += dim) {
      let dot = 0
      for (let d = start; d < start + dim; d++) {
        dot += vectors[d]! * other[d]!
        largest = Math.max(largest, Math.abs(vectors[d]! - other[d]!))
      }
      cosines.push(dot)
    }
  }
  return {
    rows: cosines.length,
    cosine_mean: significant(cosines.reduce((sum, value) => sum + value, 0) / cosines.length, 6),
    cosine_min: significant(Math.min(...cosines), 6),
    value_difference_max: significant(largest),
  }
}

async function readQueries(path: string): Promise<ReadonlyMap<string, string>> {
  const lines = (await readFile(path, 'utf8')).trim().split('\n')
  return new Map(
    lines.map((line) => {
      const { _id, text } = JSON.parse(line) as { _id: string; text: string }
      return [_id, text]
    }),
  )
}
