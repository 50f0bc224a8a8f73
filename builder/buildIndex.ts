/** A corpus, or ready vectors, to an index folder: read → encode → train → compress → write → verify → rename. */
import { rm } from 'node:fs/promises'
import { tmpdir, totalmem } from 'node:os'
import { basename, join } from 'node:path'
import type { Encoder, EncoderFingerprint } from '../encoder/encoder.ts'
import { AbortedError, InputError } from '../format/errors.ts'
import { readIndex } from '../format/indexReader.ts'
import { createManifest, IndexWriter, type SegmentWriter } from '../format/indexWriter.ts'
import { encodeManifest, MANIFEST_NAME, type Manifest } from '../format/manifest/manifest.ts'
import type { Nbits } from '../format/manifest/segment.ts'
import type { IndexTiers } from '../format/manifest/tiers.ts'
import { verifyIndex } from '../format/verify.ts'
import { folderFiles } from '../runtime/platform/node/nodeFiles.ts'
import { compileKernels } from '../runtime/platform/node/nodeKernels.ts'
import type { Device } from '../runtime/platform/node/onnxNode.ts'
import { residentNeed } from '../runtime/searchers/memoryNeed.ts'
import { BUILDER_NAME } from '../runtime/version.ts'
import { type BuildClock, type BuildPlan, createBuildClock } from './buildClock.ts'
import type { CorpusPassage } from './corpus/passage.ts'
import { type CountedPassages, type EncodeSummary, encodeToStore, PassageCount } from './encodeCorpus.ts'
import type { OnProgress, Stage } from './progress.ts'
import { isDiskError, type StagedFolder, stageIndex, writeFailure } from './publish/indexFolder.ts'
import { makeTemporary, type OnLeftover } from './publish/leftovers.ts'
import { codeSegment } from './segment/codeSegment.ts'
import { contentOrder, permutedStore } from './segment/passageOrder.ts'
import { trainQuantiser } from './segment/trainQuantiser.ts'
import { reorderSpool } from './stores/reorderedSpool.ts'
import { type Spool, spoolCorpus } from './stores/spool.ts'
import { openVectorStore, type VectorStore } from './stores/vectorStore.ts'
import { tuneBuilt } from './tune/tuneIndex.ts'

const SEED_DEFAULT = 42

export interface BuildOptions {
  /** Folder the index appears in when it is whole and verified. */
  readonly out: string
  /** Replace an index that is at `out`. Default false. */
  readonly replace?: boolean
  /** For people. Default: last part of `out`. */
  readonly name?: string
  /** Bits a residual value. Default 4. */
  readonly nbits?: Nbits
  /** Same seed, same input, same options: same bytes. Default 42. */
  readonly seed?: number
  /**
   * Order of passages in the files. 'content' puts similar ones together: fewer reads for a query over an index that is read by
   * range. Default 'input'.
   */
  readonly order?: 'input' | 'content'
  /** Store titles, texts and metadata in the index. Default true. */
  readonly texts?: boolean
  /** Measure search settings on queries made from the corpus and store them as tiers (docs/TUNING.md). Default true. */
  readonly tune?: boolean
  /** Bytes of a part. Default 24 MiB. */
  readonly partBytes?: number
  /** Where temporary files go, up to 2 bytes a vector value: 192 bytes a token at 96 dims. Default: the system's. */
  readonly temp?: string
  /** Where clustering and compression run. Default 'cpu'. */
  readonly device?: Device
  readonly threads?: number
  readonly batchSize?: number
  readonly onProgress?: OnProgress
  /** Told of what killed builds left beside `out` and in `temp`; what nobody needs any more is removed. */
  readonly onLeftover?: OnLeftover
  readonly signal?: AbortSignal
}

export interface BuildReport {
  readonly out: string
  readonly passages: number
  readonly tokens: number
  readonly centroids: number
  readonly dim: number
  readonly nbits: Nbits
  /** Passages without vectors, since the encoder found no word in them: they are fetched by their ids, and no query finds them. */
  readonly wordless: CountedPassages
  /** Passages longer than the model reads, and how many of their tokens it did not read; absent for ready vectors. */
  readonly cut?: EncodeSummary['cut']
  /** Of all files. */
  readonly bytes: number
  readonly parts: number
  /** What tuning found; absent when it was not done. */
  readonly tiers?: IndexTiers
  /** Why it was not done although it was to be. */
  readonly untuned?: string
  /** Wall time by stage. */
  readonly seconds: Readonly<Partial<Record<Stage, number>>>
}

/**
 * Build from texts. Memory is bounded but for ids, posting lists and centroids, whatever the corpus.
 * @throws InputError (corpus, `out`), ModelError, DeviceError, StorageError (disk), AbortedError; nothing is left behind
 */
export async function buildFromCorpus(
  corpus: AsyncIterable<CorpusPassage>,
  encoder: Encoder,
  options: BuildOptions,
): Promise<BuildReport> {
  const { dim } = encoder.fingerprint
  return withStage(options, { encodes: true, dim }, async (staged, temp, timed) => {
    const spool = await spoolCorpus(corpus, join(temp, 'texts.spool'), (done) =>
      timed.onProgress({ stage: 'read', done, unit: 'passages' }),
    )
    try {
      const folder = join(temp, 'vectors')
      const { cut } = await encodeToStore(spool, encoder, folder, { ...options, onProgress: timed.onProgress })
      const vectors = await openVectorStore(folder)
      try {
        const source = { vectors, spool, encoder: encoder.fingerprint, queryEncoder: encoder }
        return { ...(await writeIndex({ ...source, staged, temp, timed, options })), cut }
      } finally {
        await vectors.close()
      }
    } finally {
      await spool.close()
    }
  })
}

/** Build from a vectors folder. No texts are stored; queries by text work when the folder names its encoder. */
export async function buildFromVectors(
  vectors: VectorStore,
  encoder: EncoderFingerprint | undefined,
  options: BuildOptions,
): Promise<BuildReport> {
  return withStage(options, { encodes: false, dim: vectors.dim }, (staged, temp, timed) =>
    writeIndex({ vectors, encoder, staged, temp, timed, options }),
  )
}

/** Stage folder, temporary folder and stage clock around a build; whatever happens, nothing unfinished stays. */
async function withStage(
  options: BuildOptions,
  source: Pick<BuildPlan, 'encodes' | 'dim'>,
  build: (staged: StagedFolder, temp: string, timed: BuildClock) => Promise<BuildReport>,
): Promise<BuildReport> {
  // Tuning searches. That it cannot is better known before hours of building than after.
  if (options.tune ?? true) await compileKernels()
  const staged = await stageIndex(options.out, options.replace ?? false, options.onLeftover)
  const parent = options.temp ?? tmpdir()
  let temp: string | undefined
  try {
    temp = await makeTemporary(parent, options.onLeftover).catch(writeFailure(parent))
    const plan = { ...source, orders: options.order === 'content', tunes: options.tune ?? true }
    return await build(staged, temp, createBuildClock(plan, options.onProgress))
  } catch (error) {
    if (options.signal?.aborted) throw new AbortedError()
    throw isDiskError(error) ? writeFailure(options.out)(error) : error
  } finally {
    await staged.discard()
    if (temp) await rm(temp, { recursive: true, force: true })
  }
}

interface WriteOptions {
  readonly vectors: VectorStore
  readonly spool?: Spool
  readonly encoder: EncoderFingerprint | undefined
  /** Makes queries for tuning. */
  readonly queryEncoder?: Encoder
  readonly staged: StagedFolder
  readonly temp: string
  readonly timed: BuildClock
  readonly options: BuildOptions
}

async function writeIndex(input: WriteOptions): Promise<BuildReport> {
  const wordless = wordlessPassages(input.vectors)
  input.timed.expect({ passages: input.vectors.passageLengths.length, tokens: input.vectors.tokens })
  const order = await passageOrder(input)
  const write = order ? { ...input, vectors: permutedStore(input.vectors, order) } : input
  const { vectors, encoder, staged, timed, options } = write
  const nbits = options.nbits ?? 4
  if (encoder && encoder.dim !== vectors.dim) {
    throw new InputError(
      `vectors have ${vectors.dim} dims, the encoder "${encoder.model}" has ${encoder.dim}. Encode the corpus again.`,
    )
  }
  const writer = new IndexWriter(staged, { partBytes: options.partBytes })
  const run = { ...runOptions(write), nbits, seed: options.seed ?? SEED_DEFAULT }
  const quantiser = await trainQuantiser(vectors, run)
  const segment = writer.segment(await writer.appendQuantiser(quantiser))
  const coded = await codeSegment(vectors, quantiser, {
    ...run,
    onRows: (bytes, passages) => segment.appendRows(bytes, passages),
  })
  timed.onProgress({ stage: 'write', done: 0, unit: 'passages' })
  await segment.appendTables({ ...coded, ids: vectors.ids })
  if (options.texts ?? true) await appendTexts(segment, write, order)
  const fragment = await writer.finish()
  const manifest = createManifest(fragment, {
    name: options.name ?? basename(options.out).replace(/\.tartan$/, ''),
    dim: vectors.dim,
    builder: BUILDER_NAME,
    ...(encoder ? { encoder } : {}),
  })
  await staged.write(MANIFEST_NAME, encodeManifest(manifest))
  await verifyStaged(staged, timed)
  const { encoded, ...tuning } = await tuneStaged(write, manifest)
  if (options.signal?.aborted) throw new AbortedError()
  await staged.commit()
  return {
    out: options.out,
    passages: vectors.passageLengths.length,
    tokens: vectors.tokens,
    centroids: quantiser.centroidScales.length,
    dim: vectors.dim,
    nbits,
    wordless,
    bytes: encoded.length + fragment.parts.reduce((sum, part) => sum + part.bytes, 0),
    parts: fragment.parts.length,
    ...tuning,
    seconds: timed.seconds,
  }
}

/** @throws InputError when no passage has a vector: there is nothing to search */
function wordlessPassages({ passageLengths, tokens, ids }: VectorStore): CountedPassages {
  if (tokens === 0) {
    throw new InputError(
      `building an index: expected a passage with a word that the model knows, got none in ${passageLengths.length} passages. Is this the right corpus, in a language of the model?`,
      { passages: passageLengths.length },
    )
  }
  const counted = new PassageCount()
  for (const [pid, length] of passageLengths.entries()) if (length === 0) counted.add(ids[pid] ?? '')
  return counted.report()
}

/** Where and how the steps on vectors run. */
function runOptions({ timed, options }: WriteOptions) {
  const { device, threads, signal } = options
  return { device, threads, signal, onProgress: timed.onProgress }
}

async function passageOrder({ vectors, timed, options }: WriteOptions): Promise<Uint32Array | undefined> {
  if ((options.order ?? 'input') === 'input') return undefined
  const { threads, signal } = options
  return contentOrder(vectors, { threads, signal, onProgress: timed.onProgress })
}

async function appendTexts(segment: SegmentWriter, { spool, temp }: WriteOptions, order?: Uint32Array): Promise<void> {
  if (!spool) return
  if (!order) return segment.appendTexts(blocksOf(spool))
  const ordered = await reorderSpool(spool, order, join(temp, 'ordered.spool'))
  try {
    await segment.appendTexts(blocksOf(ordered))
  } finally {
    await ordered.close()
  }
}

function blocksOf(spool: Spool) {
  return spool.blocks.map((entry, block) => ({ entry, read: () => spool.readBlock(block) }))
}

/** What was written is read back from disk and checked in full before it gets its name. */
async function verifyStaged(staged: StagedFolder, timed: BuildClock): Promise<void> {
  const files = folderFiles(staged.path)
  const reader = await readIndex(files)
  const total = reader.manifest.parts.length + 1
  timed.onProgress({ stage: 'verify', done: 0, total, unit: 'files' })
  await verifyIndex(files, reader.manifest, (done) =>
    timed.onProgress({ stage: 'verify', done: Math.round(done * total), total, unit: 'files' }),
  )
}

/** What became of tuning, and the manifest as it stands in the stage. */
interface Tuning extends Pick<BuildReport, 'tiers' | 'untuned'> {
  readonly encoded: Uint8Array
}

/** Measured on the index as it will be, with the vectors it was made from. Counted work, no times: the bytes stay reproducible. */
async function tuneStaged(write: WriteOptions, manifest: Manifest): Promise<Tuning> {
  const { vectors, queryEncoder, staged, timed, options } = write
  if (!(options.tune ?? true)) return { encoded: encodeManifest(manifest) }
  const untuned = memoryProblem(manifest)
  if (untuned !== undefined) return { encoded: encodeManifest(manifest), untuned }
  const { seed, threads, signal } = options
  const tiers = await tuneBuilt(staged.path, vectors, queryEncoder, { seed, threads, signal, ...timed })
  const encoded = encodeManifest({ ...manifest, tiers })
  await staged.write(MANIFEST_NAME, encoded)
  return { encoded, tiers }
}

/** WebAssembly addresses 4 GiB, and queries need some of it. */
const SEARCHED_BYTES_MAX = 3.5 * 2 ** 30

/** Tuning holds the index in memory. One that is too large for that must not fail after hours of building. */
function memoryProblem(manifest: Manifest): string | undefined {
  const { totalBytes: needed } = residentNeed(manifest)
  const limit = Math.min(SEARCHED_BYTES_MAX, totalmem() / 2)
  if (needed <= limit) return undefined
  const [need, have] = [needed, limit].map((bytes) => (bytes / 2 ** 30).toFixed(1))
  return `searching the index takes ${need} GiB of memory, and ${have} GiB may be used here. Searches use Stanford's defaults`
}
