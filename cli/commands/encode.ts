/** `tartan encode`: texts to a folder of token vectors, for benches and for `build --vectors`. */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Command, Option } from 'commander'
import {
  type CorpusOptions,
  PAGE_TOKENS_MAX_DEFAULT,
  readCorpus,
  type SkippedEntry,
} from '../../builder/corpus/corpus.ts'
import { type EncodeSummary, encodeToStore } from '../../builder/encodeCorpus.ts'
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
import { addCorpusOptions, type CorpusArguments, readerOptions } from '../corpusOptions.ts'
import { listed, printLeftOut, splitFor, unreadLines } from '../corpusReport.ts'
import {
  deviceOption,
  integer,
  jsonOption,
  modelOption,
  quietOption,
  skipBadOption,
  splitOption,
  threadsOption,
} from '../options.ts'
import { createProgress, formatCount, formatCounted, formatSeconds, reportLeftover } from '../terminal.ts'

interface Options extends CorpusArguments {
  readonly out: string
  readonly model: string
  readonly queries?: string
  readonly qrels?: string
  readonly device: Device
  readonly threads?: number
  readonly batchSize?: number
  readonly split?: boolean
  readonly skipBad?: boolean
  readonly force?: boolean
  readonly json?: boolean
  readonly quiet?: boolean
}

export function encodeCommand(signal: AbortSignal): Command {
  const command = new Command('encode')
    .argument('<corpus>', 'as for `tartan build`')
    .requiredOption('-o, --out <folder>', 'folder of the vectors')
  return addCorpusOptions(command)
    .addOption(modelOption())
    .option('--queries <file>', 'queries to encode as well: BEIR JSONL or TSV; with --qrels only the judged ones')
    .option('--qrels <file>', 'judgements: BEIR, TREC or MS MARCO')
    .addOption(deviceOption())
    .addOption(threadsOption())
    .addOption(new Option('--batch-size <n>', 'passages encoded together').argParser(integer(1, 4096)))
    .addOption(splitOption())
    .addOption(skipBadOption())
    .option('-f, --force', 'replace a vectors folder that is already at --out')
    .addOption(jsonOption())
    .addOption(quietOption())
    .addHelpText(
      'after',
      `
Examples:
  tartan encode corpus.jsonl --out vectors
  tartan encode corpus.jsonl --out vectors --queries queries.jsonl --qrels qrels/test.tsv
  tartan encode shop.csv --out vectors --id-column sku --text-column description
  tartan build --vectors vectors --out corpus.tartan --nbits 2`,
    )
    .action((corpus: string, options: Options) => encode(corpus, options, signal))
}

async function encode(source: string, options: Options, signal: AbortSignal): Promise<void> {
  if (options.qrels && !options.queries) throw new InputError('--qrels judges queries: name them with --queries.')
  const qrels = options.qrels ? await readQrels(options.qrels, { signal }) : undefined
  const texts = options.queries
    ? (await readQueries(options.queries, { signal })).filter(({ id }) => !qrels || qrels.has(id))
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
    const leftOut: SkippedEntry[] = []
    const corpus = readCorpus(source, {
      ...corpusOptions(options, encoder),
      signal,
      onSkipped: (entry) => leftOut.push(entry),
    })
    const path = join(staged.path, 'texts.spool')
    const spool = await spoolCorpus(corpus, path, (done) =>
      progress.onProgress({ stage: 'read', done, unit: 'passages' }),
    )
    const started = performance.now()
    let summary: EncodeSummary
    try {
      const { onProgress } = progress
      const stored = { batchSize: options.batchSize, onProgress, signal, queries: queries?.stored }
      summary = await encodeToStore(spool, encoder, staged.path, stored)
    } finally {
      await spool.close()
    }
    const seconds = (performance.now() - started) / 1000
    await rm(path)
    await writeVectorsEncoder(staged.path, encoder.fingerprint)
    if (qrels) await writeVectorsQrels(staged.path, qrels)
    await staged.commit()
    progress.stop()
    printLeftOut(leftOut)
    const { out } = options
    print({ out, passages: spool.ids.length, ...summary, leftOut, seconds, ...queries?.report }, options)
  } catch (error) {
    throw signal.aborted ? new AbortedError() : error
  } finally {
    progress.stop()
    await staged.discard()
    await encoder.close()
  }
}

/** How the corpus is read, but for the signal and where left out entries go. */
function corpusOptions(options: Options, encoder: Encoder): CorpusOptions {
  const { split, skipBad } = options
  return {
    ...readerOptions(options),
    countTokens: (text) => encoder.countPassageTokens(text),
    tokensMax: Math.min(PAGE_TOKENS_MAX_DEFAULT, encoder.fingerprint.passageLength - 1),
    split: split ? splitFor(encoder) : undefined,
    onBadPassage: skipBad ? 'skip' : 'error',
  }
}

/** What `--json` says of queries. */
interface QueryReport {
  readonly queries: number
  /** Ids of queries without a word: they are not in the folder. */
  readonly wordlessQueries: readonly string[]
  /** Ids of queries of which the folder has the beginning only. */
  readonly cutQueries: readonly string[]
}

/** As many rows for each query as ColBERT has: the layout of the folder knows no others. */
async function encodeQueries(
  all: readonly EvalQuery[],
  encoder: Encoder,
): Promise<{ readonly stored: StoredQueries; readonly report: QueryReport }> {
  const { queryLength, dim } = encoder.fingerprint
  const queries: EvalQuery[] = []
  const wordlessQueries: string[] = []
  for (const query of all) {
    if (encoder.countTokens(query.text, 1) > 0) queries.push(query)
    else wordlessQueries.push(query.id)
  }
  const vectors = new Float32Array(queries.length * queryLength * dim)
  const cutQueries: string[] = []
  for (const [i, { id, text }] of queries.entries()) {
    const encoded = await encoder.encodeQuery(text, { rowsMax: queryLength })
    vectors.set(encoded.vectors, i * queryLength * dim)
    if (encoded.truncated) cutQueries.push(id)
  }
  return {
    stored: { ids: queries.map(({ id }) => id), tokens: queryLength, vectors },
    report: { queries: queries.length, wordlessQueries, cutQueries },
  }
}

interface EncodeReport extends EncodeSummary, Partial<QueryReport> {
  readonly out: string
  readonly passages: number
  readonly leftOut: readonly SkippedEntry[]
  readonly seconds: number
}

function print(report: EncodeReport, { json }: Options): void {
  const { out, passages, queries = 0, wordlessQueries = [], cutQueries = [], seconds } = report
  if (json) {
    process.stdout.write(`${JSON.stringify({ ...report, queries })}\n`)
    return
  }
  const withQueries = queries ? ` and ${formatCount(queries)} queries` : ''
  process.stdout.write(
    `${out}: ${formatCounted(passages, 'passage')}${withQueries} encoded in ${formatSeconds(seconds)}\n${unreadLines(report)}`,
  )
  if (wordlessQueries.length > 0)
    process.stdout.write(`Left out ${listed(wordlessQueries, 'query', 'queries')}: no word to encode\n`)
  if (cutQueries.length > 0) {
    process.stdout.write(
      `Of ${listed(cutQueries, 'query', 'queries')} the folder has the beginning: its layout has ColBERT's rows for each (a search by text reads on)\n`,
    )
  }
}
