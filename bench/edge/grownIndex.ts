/**
 * Writes an index of real passages and perturbed copies of them, 100,000 and more, without the hours that k-means at that size takes
 * on a CPU: centroids and codes are those of grownQuantiser.ts, everything else is as the builder makes it. Usage: bench/README.md.
 */
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { PostingsBuilder } from '../../builder/index/postings.ts'
import type { VectorStore } from '../../builder/index/vectorStore.ts'
import { InputError } from '../../format/errors.ts'
import { encodeIds } from '../../format/ids.ts'
import { encodeManifest, MANIFEST_NAME } from '../../format/manifest.ts'
import { PartWriter } from '../../format/writer.ts'
import { integerOption, nbitsOption, progress, runBench } from '../harness/commandLine.ts'
import { GrownCoder } from './grownCoder.ts'
import { type GrownQuantiser, trainGrown } from './grownQuantiser.ts'
import { openJoinedStore } from './joinedStore.ts'

const USAGE =
  'npm run -s bench:grown -- FOLDER [FOLDER ...] --out FOLDER [--copies 8] [--noise 0.3] [--nbits 2] [--coarse 8192] [--children 8] [--seed 1]'

const SEED_MAX = 2 ** 30

await runBench(
  USAGE,
  { out: '', copies: '8', noise: '0.3', nbits: '2', coarse: '8192', children: '8', seed: '1' },
  async (options, folders) => {
    if (folders.length === 0 || !options.out) throw new InputError(`Usage: ${USAGE}`)
    const store = (await openJoinedStore(folders.map((folder) => resolve(folder)))) as VectorStore
    const count = (name: 'copies' | 'coarse' | 'children' | 'seed', max: number) =>
      integerOption(name, options[name], { min: 1, max })
    const quantiser = await trainGrown(store, {
      ...{ nbits: nbitsOption(options.nbits)[0]!, coarse: count('coarse', 2 ** 20) },
      ...{ children: count('children', 1024), seed: count('seed', SEED_MAX) },
    })
    await rm(options.out, { recursive: true, force: true })
    await mkdir(options.out, { recursive: true })
    const written = await write(store, quantiser, {
      out: options.out,
      copies: count('copies', 1000),
      noise: Number(options.noise),
      seed: count('seed', SEED_MAX),
    })
    process.stdout.write(`${JSON.stringify({ out: options.out, ...written })}\n`)
    await store.close()
  },
)

interface Growth {
  readonly out: string
  /** The unchanged one included. */
  readonly copies: number
  /** Expected length of what is added to a row of length 1. */
  readonly noise: number
  readonly seed: number
}

async function write(store: VectorStore, quantiser: GrownQuantiser, growth: Growth) {
  const { dim, passageLengths } = store
  const { codec, centroids, centroidScales } = quantiser
  const { out, copies } = growth
  const sink = { write: (name: string, bytes: Uint8Array) => writeFile(join(out, name), bytes) }
  const writer = new PartWriter(sink)
  const passages = passageLengths.length * copies
  const postings = new PostingsBuilder({ centroids: centroidScales.length, passages })
  const coder = new GrownCoder(quantiser, growth)
  for (let copy = 0; copy < copies; copy++) {
    progress(`copy ${copy + 1} of ${copies}`)
    let first = 0
    for (const length of passageLengths) {
      const { codes, block } = coder.block(first, length, copy > 0)
      postings.add(codes)
      await writer.append('rows', block, 1)
      first += length
    }
  }
  const bytesOf = (array: Float32Array | Uint32Array | Uint16Array | Int8Array) =>
    new Uint8Array(array.buffer, array.byteOffset, array.byteLength)
  const lengths = Uint16Array.from({ length: passages }, (_, pid) => passageLengths[pid % passageLengths.length]!)
  const lists = postings.finish()
  await writer.appendArray('centroids', bytesOf(centroids), dim)
  await writer.appendArray('centroidScales', bytesOf(centroidScales), 4)
  await writer.appendArray('passageLengths', bytesOf(lengths), 2)
  await writer.appendArray('postingOffsets', bytesOf(lists.postingOffsets), 4)
  await writer.appendItems('postings', lists.postings, lists.postingOffsets)
  const ids = encodeIds(
    Array.from({ length: passages }, (_, pid) => {
      const copy = Math.floor(pid / passageLengths.length)
      return `${store.ids[pid % passageLengths.length]}${copy === 0 ? '' : `#${copy}`}`
    }),
  )
  await writer.appendArray('idOffsets', bytesOf(ids.idOffsets), 4)
  await writer.appendItems('ids', ids.ids, ids.idOffsets)
  await writer.appendArray('idOrder', bytesOf(ids.idOrder), 4)
  const { parts, sections } = await writer.finish()
  const segment = { passages, tokens: store.tokens * copies, centroids: centroidScales.length, codec, sections }
  const manifest = encodeManifest({
    ...{ generation: 1, name: 'grown', dim, builder: 'bench/edge/grownIndex.ts', parts, segments: [segment] },
  })
  await sink.write(MANIFEST_NAME, manifest)
  const bytes = manifest.length + parts.reduce((sum, part) => sum + part.bytes, 0)
  return {
    passages,
    tokens: segment.tokens,
    centroids: segment.centroids,
    copies,
    noise: growth.noise,
    index_bytes: bytes,
  }
}
