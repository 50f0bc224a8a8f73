/**
 * Writes a valid index of made-up passages fast, whatever its size, with queries whose answer is known beside it: to see what an
 * index of a million passages needs. What is made up and how: syntheticCorpus.ts. Usage: bench/README.md.
 */
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PostingsBuilder } from '../../builder/segment/postings.ts'
import { centroidCount } from '../../builder/segment/sampling.ts'
import { createManifest, IndexWriter, type SegmentWriter } from '../../format/indexWriter.ts'
import { encodeManifest, MANIFEST_NAME } from '../../format/manifest/manifest.ts'
import { SyntheticCorpus } from '../../lab/data/syntheticCorpus.ts'
import { integerOption, nbitsOption, progress, runBench } from '../harness/commandLine.ts'

const USAGE =
  'npm run -s bench:synthetic -- --out FOLDER [--passages 1000000] [--tokens 40] [--dim 96] [--nbits 2] [--centroids N] [--queries 100] [--seed 1]'

/** Query rows, as many as the bundled model makes. */
const QUERY_ROWS = 32
/** Passages whose rows are written together. */
const GROUP_PASSAGES = 1024

await runBench(
  USAGE,
  { out: '', passages: '1000000', tokens: '40', dim: '96', nbits: '2', centroids: '', queries: '100', seed: '1' },
  async (options) => {
    const count = (name: 'passages' | 'tokens' | 'dim' | 'queries' | 'seed', max: number) =>
      integerOption(name, options[name], { min: 1, max })
    const [passages, tokens] = [count('passages', 2e7), count('tokens', 20_000)]
    const all = passages * tokens
    const usual = centroidCount({ passages, sampledPassages: passages, sampledTokens: all, trainingTokens: all })
    const corpus = new SyntheticCorpus({
      ...{ passages, tokens, dim: count('dim', 256), nbits: nbitsOption(options.nbits)[0]! },
      centroids: options.centroids ? integerOption('centroids', options.centroids, { min: 1, max: 2 ** 22 }) : usual,
      seed: count('seed', 2 ** 30),
    })
    await rm(options.out, { recursive: true, force: true })
    await mkdir(options.out, { recursive: true })
    const bytes = await writeIndex(corpus, options.out)
    await writeQueries(corpus, `${options.out}.queries.json`, count('queries', 10_000))
    process.stdout.write(`${JSON.stringify({ out: options.out, ...corpus.shape, index_bytes: bytes })}\n`)
  },
)

async function writeIndex(corpus: SyntheticCorpus, out: string): Promise<number> {
  const { passages, dim } = corpus.shape
  const sink = { write: (name: string, bytes: Uint8Array) => writeFile(join(out, name), bytes) }
  const writer = new IndexWriter(sink)
  const { codec, centroids, centroidScales } = corpus
  const segment = writer.segment(await writer.appendQuantiser({ dim, codec, centroids, centroidScales }))
  const { passageLengths, postings } = await writeRows(corpus, segment)
  const ids = Array.from({ length: passages }, (_, pid) => `doc-${pid}`)
  await segment.appendTables({ passageLengths, ...postings, ids })
  const manifest = createManifest(await writer.finish(), {
    name: 'synthetic',
    dim,
    builder: 'bench/edge/syntheticIndex.ts',
  })
  const bytes = encodeManifest(manifest)
  await sink.write(MANIFEST_NAME, bytes)
  return bytes.length + manifest.parts.reduce((sum, part) => sum + part.bytes, 0)
}

async function writeRows(corpus: SyntheticCorpus, segment: SegmentWriter) {
  const { passages, centroids } = corpus.shape
  const passageLengths = new Uint16Array(passages)
  const builder = new PostingsBuilder({ centroids, passages })
  for (let first = 0; first < passages; first += GROUP_PASSAGES) {
    const blocks: Uint8Array[] = []
    for (let pid = first; pid < Math.min(passages, first + GROUP_PASSAGES); pid++) {
      const codes = corpus.codesOf(pid)
      passageLengths[pid] = codes.length
      builder.add(codes)
      blocks.push(corpus.blockOf(pid, codes))
    }
    await segment.appendRows(Buffer.concat(blocks), blocks.length)
    if ((first / GROUP_PASSAGES) % 100 === 0) progress(`${first} of ${passages} passages`)
  }
  return { passageLengths, postings: builder.finish() }
}

/** `{ dim, rows, ids, vectors }`: of each query the id of the passage it was made from, and f32[queries][rows][dim] in base64. */
async function writeQueries(corpus: SyntheticCorpus, path: string, count: number): Promise<void> {
  const { passages, dim } = corpus.shape
  const pids = Array.from({ length: count }, (_, i) => Math.floor(((i + 0.5) * passages) / count))
  const vectors = Buffer.concat(pids.map((pid) => Buffer.from(corpus.queryOf(pid, QUERY_ROWS).buffer)))
  const queries = { dim, rows: QUERY_ROWS, ids: pids.map((pid) => `doc-${pid}`), vectors: vectors.toString('base64') }
  await writeFile(path, JSON.stringify(queries))
}
