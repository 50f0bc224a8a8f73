/**
 * Makes the vectors folders of the benches from the reference data: SciFact through the bundled model, and the published
 * mxbai-edge-colbert vectors of 500 arXiv abstracts. Usage: bench/README.md.
 */
import { spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { decodeFloat16, float16Table } from '../builder/stores/float16.ts'
import { createVectorStore } from '../builder/stores/vectorStoreWriter.ts'
import { writeVectorsQrels } from '../builder/stores/vectorsFolder.ts'
import { InputError } from '../format/errors.ts'
import { cachePath, integer, optionalInteger, rootPath, runBench, sharedFolder } from './harness/commandLine.ts'
import { readNpy } from './harness/npy.ts'

const USAGE =
  'npm run -s bench:vectors -- scifact|mxbai [--shared FOLDER] [--out FOLDER] [--limit N] [--query-tokens 32]'

await runBench(
  USAGE,
  { shared: '', out: '', limit: optionalInteger(), 'query-tokens': integer(32, 512) },
  async ({ shared, out, limit: passagesMax, 'query-tokens': queryTokens }, [name = '']) => {
    if (name === 'scifact') {
      await encodeScifact(
        await sharedFolder(shared, 'collections', 'scifact'),
        out || cachePath('vectors', name),
        passagesMax,
      )
    } else if (name === 'mxbai') {
      const target = out || cachePath('vectors', `mxbai${queryTokens}`)
      await convertMxbai(await sharedFolder(shared, 'vectors', 'mxbai-edge-500'), target, { queryTokens, passagesMax })
    } else {
      throw new InputError(`expected scifact or mxbai, got "${name}".\nUsage: ${USAGE}`)
    }
  },
)

/** As a user would: `tartan encode`. */
function encodeScifact(collection: string, out: string, limit?: number): Promise<void> {
  const words = [
    rootPath('cli', 'tartan.js'),
    ...['encode', join(collection, 'corpus.jsonl'), '--out', out, '--force'],
    ...['--queries', join(collection, 'queries.jsonl'), '--qrels', join(collection, 'qrels', 'test.tsv')],
    ...(limit ? ['--limit', String(limit)] : []),
  ]
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, words, { stdio: 'inherit' })
    child.once('error', reject)
    child.once('exit', (code) =>
      code === 0 ? resolve() : reject(new InputError(`tartan encode ended with code ${code}; see above.`)),
    )
  })
}

interface MxbaiOptions {
  readonly queryTokens: number
  readonly passagesMax?: number
}

/**
 * The set has no queries. A passage's leading tokens, its title, stand for one, and that passage is the relevant one: so
 * nDCG@10 says little here (the query's own rows are in the passage), overlap@10 with exact search is what to look at.
 */
async function convertMxbai(source: string, out: string, { queryTokens, passagesMax }: MxbaiOptions): Promise<void> {
  const rows = await readNpy(join(source, 'embeddings_f16.npy'))
  const boundaries = Array.from((await readNpy(join(source, 'doc_boundaries.npy'))).data, Number)
  const { papers } = JSON.parse(await readFile(join(source, 'embeddings_meta.json'), 'utf8')) as {
    papers: readonly { readonly id: string }[]
  }
  const dim = rows.shape[1]!
  const ids = papers
    .slice(0, Math.min(boundaries.length - 1, passagesMax ?? Number.POSITIVE_INFINITY))
    .map(({ id }) => id)
  const halves = rows.data as Uint16Array
  const table = float16Table()
  const store = await createVectorStore(out, dim)
  const vectors = new Float32Array(ids.length * queryTokens * dim)
  try {
    for (const pid of ids.keys()) {
      const count = boundaries[pid + 1]! - boundaries[pid]!
      if (count < queryTokens) throw new InputError(`passage ${pid} has ${count} tokens: choose fewer --query-tokens.`)
      const passage = new Float32Array(count * dim)
      decodeFloat16(halves.subarray(boundaries[pid]! * dim, boundaries[pid + 1]! * dim), passage, count * dim, table)
      await store.append(passage, count)
      vectors.set(passage.subarray(0, queryTokens * dim), pid * queryTokens * dim)
    }
    await store.finish(ids, { ids, tokens: queryTokens, vectors })
  } catch (error) {
    await store.abandon()
    throw error
  }
  await writeVectorsQrels(out, new Map(ids.map((id) => [id, new Map([[id, 1]])])))
  process.stdout.write(
    `${out}: ${ids.length} passages, ${boundaries[ids.length]} tokens, queries of ${queryTokens} tokens\n`,
  )
}
