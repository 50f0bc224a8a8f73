/** `tartan build`: a corpus, or ready vectors, to an index folder. */
import { Command, Option } from 'commander'
import { type BuildOptions, type BuildReport, buildFromCorpus, buildFromVectors } from '../../builder/buildIndex.ts'
import { PAGE_TOKENS_MAX_DEFAULT, readCorpus, type SkippedEntry } from '../../builder/corpus/corpus.ts'
import { openVectorStore } from '../../builder/stores/vectorStore.ts'
import { readVectorsEncoder } from '../../builder/stores/vectorsFolder.ts'
import type { EncoderFingerprint } from '../../encoder/encoder.ts'
import { InputError } from '../../format/errors.ts'
import type { Nbits } from '../../format/manifest/segment.ts'
import { TIER_NAMES, type TierName } from '../../format/manifest/tiers.ts'
import { openModel } from '../../runtime/platform/node/encoderNode.ts'
import type { Device } from '../../runtime/platform/node/onnxNode.ts'
import { addCorpusOptions, type CorpusArguments, readerOptions } from '../corpusOptions.ts'
import { printLeftOut, splitFor, unreadLines } from '../corpusReport.ts'
import {
  byteSize,
  deviceOption,
  integer,
  jsonOption,
  modelOption,
  quietOption,
  skipBadOption,
  splitOption,
  textOf,
  threadsOption,
} from '../options.ts'
import { type PageReport, PageWordCount, pageLines } from '../pageReport.ts'
import { createProgress, formatBytes, formatCounted, formatSeconds, reportLeftover } from '../terminal.ts'

interface Options extends CorpusArguments {
  readonly out: string
  readonly model: string
  readonly nbits: string
  readonly vectors?: string
  readonly device: Device
  readonly threads?: number
  readonly batchSize?: number
  readonly seed: number
  readonly partSize?: number
  readonly passageTokens?: number
  readonly split?: boolean
  readonly order: 'input' | 'content'
  readonly texts: boolean
  readonly tune: boolean
  readonly skipBad?: boolean
  readonly force?: boolean
  readonly name?: string
  readonly temp?: string
  readonly json?: boolean
  readonly quiet?: boolean
}

export function buildCommand(signal: AbortSignal): Command {
  const command = new Command('build')
    .argument(
      '[corpus]',
      'TSV (pid, text), JSONL (_id, title, text), CSV, each also .gz; a folder of Markdown, HTML and text; - for standard input',
    )
    .requiredOption('-o, --out <index>', 'folder of the new index')
  return addCorpusOptions(command)
    .addOption(modelOption())
    .addOption(
      new Option('--nbits <bits>', 'bits a residual value: smaller or closer to exact')
        .choices(['1', '2', '4'])
        .default('4'),
    )
    .addOption(new Option('--vectors <folder>', 'index ready token vectors instead of a corpus (see `tartan encode`)'))
    .addOption(deviceOption())
    .addOption(threadsOption())
    .addOption(new Option('--batch-size <n>', 'passages encoded together').argParser(integer(1, 4096)))
    .addOption(
      new Option('--seed <n>', 'same seed, input and options: same bytes')
        .argParser(integer(0, 2 ** 32 - 1))
        .default(42),
    )
    .addOption(
      new Option('--part-size <size>', 'largest file of the index')
        .argParser(byteSize)
        .default(24 * 1024 * 1024, '24MiB'),
    )
    .addOption(
      new Option(
        '--passage-tokens <n>',
        `most tokens of a passage cut from a page of a folder (default: ${PAGE_TOKENS_MAX_DEFAULT}), or by --split`,
      ).argParser(integer(16, 512)),
    )
    .addOption(splitOption())
    .addOption(
      new Option(
        '--order <order>',
        'passages as they come, or similar ones together: fewer reads when searched by range',
      )
        .choices(['input', 'content'])
        .default('input'),
    )
    .option('--no-texts', 'do not store titles, texts and metadata')
    .option('--no-tune', "do not measure search settings: searches use Stanford's defaults (see `tartan tune`)")
    .addOption(skipBadOption())
    .addOption(new Option('--name <name>', 'name of the index (default: from --out)').argParser(textOf(256)))
    .option('--temp <folder>', "where temporary files go (default: the system's)")
    .option('-f, --force', 'replace an index that is already at --out, once the new one is ready')
    .addOption(jsonOption())
    .addOption(quietOption())
    .addHelpText(
      'after',
      `
Examples:
  tartan build corpus.jsonl --out corpus.tartan
  tartan build collection.tsv.gz --out msmarco.tartan --nbits 2 --limit 100000
  tartan build docs/ --out docs.tartan --name "Our handbook"
  tartan build shop.csv --out shop.tartan --id-column sku --title-column name --text-column info --text-column details
  zcat dump.jsonl.gz | tartan build - --format jsonl --out dump.tartan
  tartan build --vectors vectors/ --out ready.tartan`,
    )
    .action((corpus: string | undefined, options: Options) => build(corpus, options, signal))
}

async function build(corpus: string | undefined, options: Options, signal: AbortSignal): Promise<void> {
  if ((corpus === undefined) === (options.vectors === undefined)) {
    throw new InputError(
      'build takes either a corpus or --vectors FOLDER. Example: tartan build corpus.jsonl --out corpus.tartan',
    )
  }
  const progress = createProgress({ quiet: options.quiet || options.json })
  const buildOptions: BuildOptions = {
    out: options.out,
    replace: options.force,
    name: options.name,
    nbits: Number(options.nbits) as Nbits,
    seed: options.seed,
    order: options.order,
    texts: options.texts,
    tune: options.tune,
    partBytes: options.partSize,
    temp: options.temp,
    device: options.device,
    threads: options.threads,
    batchSize: options.batchSize,
    onProgress: progress.onProgress,
    onLeftover: reportLeftover,
    signal,
  }
  try {
    const leftOut: SkippedEntry[] = []
    const pages = new PageWordCount()
    const report = options.vectors
      ? await fromVectors(options.vectors, buildOptions)
      : await fromCorpus(corpus ?? '', options, buildOptions, { leftOut, pages })
    progress.stop()
    printLeftOut(leftOut)
    const pageReport = pages.report()
    if (options.json) process.stdout.write(`${JSON.stringify({ ...report, leftOut, pages: pageReport })}\n`)
    else printReport(report, pageReport)
  } finally {
    progress.stop()
  }
}

async function fromVectors(folder: string, options: BuildOptions): Promise<BuildReport> {
  const vectors = await openVectorStore(folder)
  try {
    return await buildFromVectors(vectors, await readVectorsEncoder(folder), options)
  } finally {
    await vectors.close()
  }
}

async function fromCorpus(
  source: string,
  options: Options,
  buildOptions: BuildOptions,
  told: { readonly leftOut: SkippedEntry[]; readonly pages: PageWordCount },
): Promise<BuildReport> {
  const encoder = await openModel(options.model, { device: options.device, threads: options.threads })
  try {
    const tokensMax = pageTokensMax(options.passageTokens, encoder.fingerprint)
    const corpus = readCorpus(source, {
      ...readerOptions(options),
      signal: buildOptions.signal,
      countTokens: (text) => encoder.countPassageTokens(text),
      tokensMax,
      split: options.split ? splitFor(encoder, options.passageTokens) : undefined,
      onBadPassage: options.skipBad ? 'skip' : 'error',
      onSkipped: (entry) => told.leftOut.push(entry),
      onPage: told.pages.add,
    })
    return await buildFromCorpus(corpus, encoder, buildOptions)
  } finally {
    await encoder.close()
  }
}

/** Counting stops at passageLength, so a bound beyond it would never cut anything. */
function pageTokensMax(wanted: number | undefined, { model, passageLength }: EncoderFingerprint): number {
  if (wanted !== undefined && wanted >= passageLength) {
    throw new InputError(
      `--passage-tokens ${wanted}: the model "${model}" reads passages of at most ${passageLength} tokens. Choose a smaller number.`,
    )
  }
  return wanted ?? Math.min(PAGE_TOKENS_MAX_DEFAULT, passageLength - 1)
}

function printReport(report: BuildReport, pages: PageReport | undefined): void {
  const total = Object.values(report.seconds).reduce((sum, seconds) => sum + seconds, 0)
  const perToken =
    report.tokens > 0 ? ` (${(report.bytes / report.tokens).toFixed(1)} bytes a token, texts included)` : ''
  process.stdout.write(
    `${report.out}: ${formatCounted(report.passages, 'passage')}, ${formatCounted(report.tokens, 'token')} of ${report.dim} dims at ${formatCounted(report.nbits, 'bit')}, ${formatCounted(report.centroids, 'centroid')}\n` +
      `${formatBytes(report.bytes)} in ${report.parts + 1} files${perToken}, built in ${formatSeconds(total)}\n` +
      `${pageLines(pages)}${unreadLines(report)}${tiersLine(report)}Next: tartan serve ${report.out}\n`,
  )
}

function tiersLine({ tiers, untuned }: BuildReport): string {
  if (untuned !== undefined) return `Not tuned: ${untuned}.\n`
  const set = tiers?.sets[0]
  if (!set) return ''
  const of = (name: TierName) => `${name} ${set[name].recall.toFixed(3)} at ${set[name].costMs.toFixed(2)} ms`
  return `Tiers, recall@${set.k} at counted work: ${TIER_NAMES.map(of).join(', ')} (tartan inspect shows all)\n`
}
