/** `tartan encode`: texts to a folder of token vectors, for benches and for `build --vectors`. */
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command, Option } from 'commander'
import type { Encoder } from '../../../encoder/encoder.ts'
import { InputError } from '../../../format/errors.ts'
import { type CorpusFormat, readCorpus } from '../../corpus/corpus.ts'
import { encodeCorpus } from '../../encodeCorpus.ts'
import { openModel } from '../../encoderNode.ts'
import { readQrels } from '../../eval/qrels.ts'
import { type EvalQuery, readQueries } from '../../eval/queries.ts'
import { createVectorStore, type StoredQueries } from '../../index/vectorStore.ts'
import type { Device } from '../../onnxNode.ts'
import { spoolCorpus } from '../../spool.ts'
import { writeVectorsEncoder, writeVectorsQrels } from '../../vectorsFolder.ts'
import { deviceOption, formatOption, integer, jsonOption, modelOption, quietOption, threadsOption } from '../options.ts'
import { createProgress, formatCount, formatCounted, formatSeconds } from '../terminal.ts'

interface Options {
  readonly out: string
  readonly model: string
  readonly queries?: string
  readonly qrels?: string
  readonly limit?: number
  readonly format?: CorpusFormat
  readonly device: Device
  readonly threads?: number
  readonly batchSize?: number
  readonly force?: boolean
  readonly json?: boolean
  readonly quiet?: boolean
}

export function encodeCommand(signal: AbortSignal): Command {
  return new Command('encode')
    .description(
      'Encode texts to token vectors on disk: docs.f16, doclens.json, meta.json, and queries.f16, qrels.json when asked for.',
    )
    .argument('<corpus>', 'as for `tartan build`')
    .requiredOption('-o, --out <folder>', 'folder of the vectors')
    .addOption(modelOption())
    .option('--queries <file>', 'queries to encode as well: BEIR JSONL or TSV; with --qrels only the judged ones')
    .option('--qrels <file>', 'judgements: BEIR, TREC or MS MARCO')
    .addOption(new Option('--limit <n>', 'only the first n passages').argParser(integer(1, Number.MAX_SAFE_INTEGER)))
    .addOption(formatOption())
    .addOption(deviceOption())
    .addOption(threadsOption())
    .addOption(new Option('--batch-size <n>', 'passages encoded together').argParser(integer(1, 4096)))
    .option('-f, --force', 'write into a folder that exists')
    .addOption(jsonOption())
    .addOption(quietOption())
    .addHelpText(
      'after',
      `
Examples:
  tartan encode corpus.jsonl --out vectors
  tartan encode corpus.jsonl --out vectors --queries queries.jsonl --qrels qrels/test.tsv
  tartan build --vectors vectors --out corpus.tartan --nbits 2`,
    )
    .action((corpus: string, options: Options) => encode(corpus, options, signal))
}

async function encode(source: string, options: Options, signal: AbortSignal): Promise<void> {
  if (!options.force && (await stat(options.out).catch(() => undefined))) {
    throw new InputError(`"${options.out}" exists already. Add --force to write into it, or choose another --out.`)
  }
  if (options.qrels && !options.queries) throw new InputError('--qrels judges queries: name them with --queries.')
  const qrels = options.qrels ? await readQrels(options.qrels) : undefined
  const queries = options.queries
    ? (await readQueries(options.queries)).filter(({ id }) => !qrels || qrels.has(id))
    : undefined
  const progress = createProgress({ quiet: options.quiet || options.json })
  const encoder = await openModel(options.model, { device: options.device, threads: options.threads })
  const temp = await mkdtemp(join(tmpdir(), 'tartan-'))
  try {
    const corpus = readCorpus(source, {
      format: options.format,
      limit: options.limit,
      signal,
      countTokens: (text) => encoder.countPassageTokens(text),
    })
    const spool = await spoolCorpus(corpus, join(temp, 'texts.spool'), (done) =>
      progress.onProgress({ stage: 'read', done, unit: 'passages' }),
    )
    const started = performance.now()
    const store = await createVectorStore(options.out, encoder.fingerprint.dim)
    try {
      await encodeCorpus(spool, encoder, store, {
        batchSize: options.batchSize,
        onProgress: progress.onProgress,
        signal,
      })
      const seconds = (performance.now() - started) / 1000
      await store.finish(spool.ids, queries ? await encodeQueries(queries, encoder) : undefined)
      await writeVectorsEncoder(options.out, encoder.fingerprint)
      if (qrels) await writeVectorsQrels(options.out, qrels)
      progress.stop()
      printEncoded(options, spool.ids.length, queries?.length ?? 0, seconds)
    } catch (error) {
      await store.abandon()
      throw error
    } finally {
      await spool.close()
    }
  } finally {
    progress.stop()
    await encoder.close()
    await rm(temp, { recursive: true, force: true })
  }
}

async function encodeQueries(queries: readonly EvalQuery[], encoder: Encoder): Promise<StoredQueries> {
  const { queryLength, dim } = encoder.fingerprint
  const vectors = new Float32Array(queries.length * queryLength * dim)
  for (const [i, { text }] of queries.entries())
    vectors.set((await encoder.encodeQuery(text)).vectors, i * queryLength * dim)
  return { ids: queries.map(({ id }) => id), tokens: queryLength, vectors }
}

function printEncoded({ out, json }: Options, passages: number, queries: number, seconds: number): void {
  process.stdout.write(
    json
      ? `${JSON.stringify({ out, passages, queries, seconds })}\n`
      : `${out}: ${formatCounted(passages, 'passage')}${queries ? ` and ${formatCount(queries)} queries` : ''} encoded in ${formatSeconds(seconds)}\n`,
  )
}
