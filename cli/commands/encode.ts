/** `tartan encode`: texts to a folder of token vectors, for benches and for `build --vectors`. */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Command, Option } from 'commander'
import { type CorpusFormat, PAGE_TOKENS_MAX_DEFAULT, readCorpus } from '../../builder/corpus/corpus.ts'
import { encodeToStore } from '../../builder/encodeCorpus.ts'
import { readQrels } from '../../builder/eval/qrels.ts'
import { type EvalQuery, readQueries } from '../../builder/eval/queries.ts'
import { stageFolder } from '../../builder/publish/indexFolder.ts'
import { spoolCorpus } from '../../builder/stores/spool.ts'
import type { StoredQueries } from '../../builder/stores/vectorStore.ts'
import { isVectorsFile, writeVectorsEncoder, writeVectorsQrels } from '../../builder/stores/vectorsFolder.ts'
import { META_FILE } from '../../builder/stores/vectorsLayout.ts'
import type { Encoder } from '../../encoder/encoder.ts'
import { AbortedError, InputError } from '../../format/errors.ts'
import { openModel } from '../../runtime/platform/node/encoderNode.ts'
import type { Device } from '../../runtime/platform/node/onnxNode.ts'
import { deviceOption, formatOption, integer, jsonOption, modelOption, quietOption, threadsOption } from '../options.ts'
import { createProgress, formatCount, formatCounted, formatSeconds, reportLeftover } from '../terminal.ts'

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
    .option('-f, --force', 'replace a vectors folder that is already at --out')
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
  if (options.qrels && !options.queries) throw new InputError('--qrels judges queries: name them with --queries.')
  const qrels = options.qrels ? await readQrels(options.qrels) : undefined
  const texts = options.queries
    ? (await readQueries(options.queries)).filter(({ id }) => !qrels || qrels.has(id))
    : undefined
  const staged = await stageFolder(options.out, {
    replace: options.force ?? false,
    marker: META_FILE,
    isOwn: isVectorsFile,
    kind: 'a vectors folder',
    onLeftover: reportLeftover,
  })
  const progress = createProgress({ quiet: options.quiet || options.json })
  const encoder = await openModel(options.model, { device: options.device, threads: options.threads })
  try {
    // Queries first: a bad one must not cost an hour of passages.
    const queries = texts && (await encodeQueries(texts, encoder))
    const { passageLength } = encoder.fingerprint
    const corpus = readCorpus(source, {
      format: options.format,
      limit: options.limit,
      signal,
      countTokens: (text) => encoder.countPassageTokens(text),
      tokensMax: Math.min(PAGE_TOKENS_MAX_DEFAULT, passageLength - 1),
    })
    const path = join(staged.path, 'texts.spool')
    const spool = await spoolCorpus(corpus, path, (done) =>
      progress.onProgress({ stage: 'read', done, unit: 'passages' }),
    )
    const started = performance.now()
    try {
      const { onProgress } = progress
      await encodeToStore(spool, encoder, staged.path, { batchSize: options.batchSize, onProgress, signal, queries })
    } finally {
      await spool.close()
    }
    const seconds = (performance.now() - started) / 1000
    await rm(path)
    await writeVectorsEncoder(staged.path, encoder.fingerprint)
    if (qrels) await writeVectorsQrels(staged.path, qrels)
    await staged.commit()
    progress.stop()
    printEncoded(options, spool.ids.length, texts?.length ?? 0, seconds)
  } catch (error) {
    throw signal.aborted ? new AbortedError() : error
  } finally {
    progress.stop()
    await staged.discard()
    await encoder.close()
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
