/**
 * Writes an index of real passages and of passages made from them, 100,000 and more, without the hours that k-means at that size takes
 * on a CPU: centroids and codes are those of grownQuantiser.ts, everything else is as the builder makes it. Usage: bench/README.md.
 */
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { contentOrder } from '../../builder/segment/passageOrder.ts'
import { PostingsBuilder } from '../../builder/segment/postings.ts'
import type { VectorStore } from '../../builder/stores/vectorStore.ts'
import { InputError } from '../../format/errors.ts'
import { encodeIds } from '../../format/items/ids.ts'
import { encodeManifest, MANIFEST_NAME } from '../../format/manifest/manifest.ts'
import { PartWriter } from '../../format/writer.ts'
import { integerOption, nbitsOption, progress, runBench } from '../harness/commandLine.ts'
import { GrownCoder } from './grownCoder.ts'
import { type GrownQuantiser, trainGrown } from './grownQuantiser.ts'
import { openJoinedStore } from './joinedStore.ts'
import { type Growth, grownPassages, grownStore, madeOfOption } from './madePassages.ts'

const USAGE =
  'npm run -s bench:grown -- FOLDER [FOLDER ...] --out FOLDER [--made-of phrases|copies] [--copies 11] [--noise 0] [--order content|input] [--nbits 2] [--coarse 8192] [--children 8] [--seed 1]'

const SEED_MAX = 2 ** 30

await runBench(
  USAGE,
  {
    out: '',
    'made-of': 'phrases',
    copies: '11',
    noise: '0',
    order: 'input',
    nbits: '2',
    coarse: '8192',
    children: '8',
    seed: '1',
  },
  async (options, folders) => {
    if (folders.length === 0 || !options.out) throw new InputError(`Usage: ${USAGE}`)
    const madeOf = madeOfOption(options['made-of'])
    const order = orderOption(options.order)
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
      madeOf,
      order,
      copies: count('copies', 1000),
      noise: Number(options.noise),
      seed: count('seed', SEED_MAX),
    })
    process.stdout.write(`${JSON.stringify({ out: options.out, ...written })}\n`)
    await store.close()
  },
)

function orderOption(text: string): WrittenGrowth['order'] {
  if (text === 'input' || text === 'content') return text
  throw new InputError(`--order: expected input or content, got "${text}".`)
}

interface WrittenGrowth extends Growth {
  readonly out: string
  /** Expected length of what is added to a row of length 1. */
  readonly noise: number
  readonly order: 'input' | 'content'
}

async function write(store: VectorStore, quantiser: GrownQuantiser, growth: WrittenGrowth) {
  const { dim } = store
  const { codec, centroids, centroidScales, vectors } = quantiser
  const { out, copies, madeOf, noise, order: orderName } = growth
  const sink = { write: (name: string, bytes: Uint8Array) => writeFile(join(out, name), bytes) }
  const writer = new PartWriter(sink)
  const passages = await grownPassages(store, growth)
  const grown = grownStore(store, vectors, passages) as VectorStore
  progress(`${passages.length} passages, order: ${orderName}`)
  const order = orderName === 'content' ? await contentOrder(grown, {}) : Uint32Array.from(passages.keys())
  const postings = new PostingsBuilder({ centroids: centroidScales.length, passages: passages.length })
  const coder = new GrownCoder(quantiser, growth)
  const real = store.passageLengths.length
  for (const number of order) {
    const { codes, block } = coder.block(passages[number]!, number >= real && noise > 0)
    postings.add(codes)
    await writer.append('rows', block, 1)
  }
  const bytesOf = (array: Float32Array | Uint32Array | Uint16Array | Int8Array) =>
    new Uint8Array(array.buffer, array.byteOffset, array.byteLength)
  const lengths = Uint16Array.from(order, (number) => passages[number]!.length)
  const lists = postings.finish()
  await writer.appendArray('centroids', bytesOf(centroids), dim)
  await writer.appendArray('centroidScales', bytesOf(centroidScales), 4)
  await writer.appendArray('passageLengths', bytesOf(lengths), 2)
  await writer.appendArray('postingOffsets', bytesOf(lists.postingOffsets), 4)
  await writer.appendItems('postings', lists.postings, lists.postingOffsets)
  const ids = encodeIds(
    Array.from(order, (number) => {
      const copy = Math.floor(number / real)
      return `${store.ids[number % real]}${copy === 0 ? '' : `#${copy}`}`
    }),
  )
  await writer.appendArray('idOffsets', bytesOf(ids.idOffsets), 4)
  await writer.appendItems('ids', ids.ids, ids.idOffsets)
  await writer.appendArray('idOrder', bytesOf(ids.idOrder), 4)
  const { parts, sections } = await writer.finish()
  const shape = { passages: passages.length, tokens: grown.tokens, centroids: centroidScales.length }
  const manifest = encodeManifest({
    ...{ generation: 1, name: 'grown', dim, builder: 'bench/edge/grownIndex.ts', parts },
    segments: [{ ...shape, codec, sections }],
  })
  await sink.write(MANIFEST_NAME, manifest)
  const bytes = manifest.length + parts.reduce((sum, part) => sum + part.bytes, 0)
  return { ...shape, copies, made_of: madeOf, noise, order: orderName, index_bytes: bytes }
}
