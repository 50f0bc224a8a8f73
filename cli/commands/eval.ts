/** `tartan eval`: quality and time of an index on judged queries. */
import { stat } from 'node:fs/promises'
import { Command, Option } from 'commander'
import { type DocumentSearcher, searchDocuments } from '../../builder/eval/documents.ts'
import { evaluate } from '../../builder/eval/evaluate.ts'
import { findsItself, hitsWithoutItself } from '../../builder/eval/identicalIds.ts'
import { type Qrels, readQrels } from '../../builder/eval/qrels.ts'
import { readQueries } from '../../builder/eval/queries.ts'
import { type RankedPassage, type Run, writeRanking } from '../../builder/eval/ranking.ts'
import { openVectorStore } from '../../builder/stores/vectorStore.ts'
import { readVectorsQrels } from '../../builder/stores/vectorsFolder.ts'
import { AbortedError, InputError } from '../../format/errors.ts'
import { K_MAX } from '../../format/limits.ts'
import { openIndex } from '../../runtime/platform/node/nodeIndex.ts'
import { openQueryEncoder } from '../../runtime/platform/node/queryEncoder.ts'
import type { QueryVectors, SearchOptions } from '../../runtime/searcher.ts'
import { listed } from '../corpusReport.ts'
import { integer, jsonOption, searchParameterOptions } from '../options.ts'
import { formatCount, formatTable } from '../terminal.ts'

interface Options extends SearchOptions {
  readonly queries?: string
  readonly qrels?: string
  readonly vectors?: string
  readonly model?: string
  readonly k: number
  readonly ranking?: string
  readonly ignoreIdenticalIds?: boolean
  readonly json?: boolean
  readonly force?: boolean
}

/** A query of a text without a word has no vectors: nothing can be searched with. */
interface VectorQuery {
  readonly id: string
  readonly vectors: QueryVectors | undefined
  /** The text is longer than the encoder reads. */
  readonly truncated?: true | undefined
}

export function evalCommand(signal: AbortSignal): Command {
  const command = new Command('eval')
    .argument('<index>', 'index folder or pack')
    .option('--queries <file>', 'queries: JSONL (_id, text), as BEIR has them, or TSV (qid, text)')
    .option('--qrels <file>', 'judgements: BEIR, TREC or MS MARCO; grades above 0 are relevant')
    .option('--vectors <folder>', 'take query vectors and judgements of a vectors folder instead (see `tartan encode`)')
    .addOption(new Option('-k, --k <n>', 'results a query').argParser(integer(1, K_MAX)).default(100))
    .addOption(new Option('-m, --model <name|folder>', "encoder (default: the index's own, if bundled)"))
    .option('--ignore-identical-ids', "leave out the passage with the query's own id, as BEIR does (ArguAna, Quora)")
    .option('--ranking <file>', 'write the run: qid, pid, rank, score')
    .option('-f, --force', 'replace the file of --ranking if it exists')
  for (const option of searchParameterOptions()) command.addOption(option)
  return command
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
Only judged queries are run. ms_per_query is the median of searching alone, one thread, encoding not counted.
Measures are trec_eval's and are named by how far they look: recall@k beside recall@100 for -k above 100, all by k for a smaller one.

Examples:
  tartan eval corpus.tartan --queries queries.jsonl --qrels qrels/test.tsv
  tartan eval corpus.tartan --queries queries.tsv --qrels qrels.trec --k 1000 --ranking ranking.tsv --json`,
    )
    .action((index: string, options: Options) => runEval(index, options, signal))
}

async function runEval(index: string, options: Options, signal: AbortSignal): Promise<void> {
  const { queries, qrels, vectors, model, k, ranking, force, json, ignoreIdenticalIds = false, ...parameters } = options
  if (vectors ? queries || qrels : !(queries && qrels)) {
    throw new InputError('eval takes --queries FILE and --qrels FILE, or --vectors FOLDER.')
  }
  if (ranking && !force && (await stat(ranking).catch(() => undefined))) {
    throw new InputError(`"${ranking}" exists already. Add --force to replace it, or choose another --ranking.`)
  }
  const searcher = await openIndex(index)
  try {
    const judged = vectors ? await readVectorsQrels(vectors) : await readQrels(qrels ?? '', { signal })
    const source = vectors
      ? vectorQueries(vectors, judged)
      : textQueries(queries ?? '', judged, searcher.info, { model, signal })
    const wanted = { ...parameters, k }
    const documents = searchDocuments(searcher, judged)
    const { run, times, identical, ...unread } = await runQueries(documents, source, {
      wanted,
      ignoreIdenticalIds,
      signal,
    })
    if (run.size === 0)
      throw new InputError(
        'none of the queries is judged: the ids of --queries and --qrels do not meet. Name the two files of one collection.',
      )
    warn(run, judged)
    warnOfUnread(unread)
    if (documents.foundParts)
      process.stderr.write('Parts of split passages (id~2, …) count as their passage, by the best of them.\n')
    warnOfIdentical(identical, judged, ignoreIdenticalIds)
    const metrics = evaluate(run, new Map([...judged].filter(([id]) => run.has(id))), k)
    if (ranking) await writeRanking(ranking, run)
    const report = { ...metrics, ms_per_query: median(times), queries: run.size, k }
    process.stdout.write(
      json
        ? `${JSON.stringify({ ...report, identical_ids: identical.length, identical_ids_ignored: ignoreIdenticalIds })}\n`
        : `${formatTable(Object.entries(report).map(([key, value]) => [key, Number.isInteger(value) ? String(value) : value.toFixed(4)]))}\n`,
    )
  } finally {
    await searcher.close()
  }
}

interface Answered {
  readonly run: Run
  /** Milliseconds of each search. */
  readonly times: readonly number[]
  /** Queries that found the passage with their own id. */
  readonly identical: readonly string[]
  /** Queries without a word: they find nothing. */
  readonly wordless: readonly string[]
  /** Queries that were not read to their end. */
  readonly cut: readonly string[]
}

interface RunQueriesOptions {
  readonly wanted: SearchOptions & { readonly k: number }
  readonly ignoreIdenticalIds: boolean
  readonly signal: AbortSignal
}

async function runQueries(
  searcher: DocumentSearcher,
  source: AsyncIterable<VectorQuery>,
  { wanted, ignoreIdenticalIds, signal }: RunQueriesOptions,
): Promise<Answered> {
  const run = new Map<string, readonly RankedPassage[]>()
  const times: number[] = []
  const identical: string[] = []
  const wordless: string[] = []
  const cut: string[] = []
  for await (const { id, vectors, truncated } of source) {
    if (truncated) cut.push(id)
    if (signal.aborted) throw new AbortedError()
    if (!vectors) {
      wordless.push(id)
      run.set(id, [])
      continue
    }
    const started = performance.now()
    const answer = await searcher.search(vectors, wanted)
    times.push(performance.now() - started)
    const query = { id, vectors, options: wanted, answer }
    if (findsItself(query)) identical.push(id)
    const hits = ignoreIdenticalIds ? await hitsWithoutItself(searcher, query) : answer.hits
    run.set(
      id,
      hits.map((hit) => ({ id: hit.id, score: hit.score })),
    )
  }
  return { run, times, identical, wordless, cut }
}

function warn(run: Run, judged: Qrels): void {
  const missing = judged.size - run.size
  if (missing > 0) {
    process.stderr.write(
      `${missing} of ${judged.size} judged queries are not among the queries: the metrics are over the others.\n`,
    )
  }
  const known = new Set([...run.values()].flatMap((passages) => passages.map(({ id }) => id)))
  if (![...judged.values()].some((grades) => [...grades.keys()].some((id) => known.has(id)))) {
    process.stderr.write(
      'Not one judged passage was found for any query. Are the judgements those of this index? Their ids have to be the same.\n',
    )
  }
}

function warnOfUnread({ wordless, cut }: Pick<Answered, 'wordless' | 'cut'>): void {
  if (wordless.length > 0)
    process.stderr.write(`No word to search with, so they count 0: ${listed(wordless, 'query', 'queries')}.\n`)
  if (cut.length > 0)
    process.stderr.write(
      `Longer than the encoder reads, so searched by the beginning: ${listed(cut, 'query', 'queries')}.\n`,
    )
}

/** Where queries are passages, one option changes the figures: nobody should have to know of it beforehand. */
function warnOfIdentical(identical: readonly string[], judged: Qrels, isIgnored: boolean): void {
  // Ids that are numbers meet by chance; a passage that was judged relevant to the query is not the query itself.
  const relevant = identical.filter((id) => (judged.get(id)?.get(id) ?? 0) > 0).length
  const rest = identical.length - relevant
  const found = (count: number) => `${formatCount(count)} ${count === 1 ? 'query' : 'queries'} found the passage with`
  if (isIgnored && identical.length > 0) {
    const loss = relevant > 0 ? `, though ${formatCount(relevant)} of them judged relevant` : ''
    process.stderr.write(`${found(identical.length)} the query's own id: left out, as BEIR does${loss}.\n`)
  } else if (rest > 0) {
    process.stderr.write(
      `${found(rest)} the query's own id, which counts as a miss. BEIR leaves such passages out: add --ignore-identical-ids to compare with its figures.\n`,
    )
  }
}

async function* textQueries(
  path: string,
  qrels: Qrels,
  info: Parameters<typeof openQueryEncoder>[0],
  { model, signal }: { readonly model?: string; readonly signal: AbortSignal },
): AsyncGenerator<VectorQuery> {
  const queries = await readQueries(path, { signal })
  const encoder = await openQueryEncoder(info, model)
  try {
    for (const { id, text } of queries) {
      if (!qrels.has(id)) continue
      const vectors = encoder.countTokens(text, 1) > 0 ? await encoder.encodeQuery(text) : undefined
      yield { id, vectors, truncated: vectors?.truncated }
    }
  } finally {
    await encoder.close()
  }
}

async function* vectorQueries(folder: string, qrels: Qrels): AsyncGenerator<VectorQuery> {
  const store = await openVectorStore(folder)
  try {
    const { ids, tokens, vectors } = await store.readQueries()
    const values = tokens * store.dim
    for (const [i, id] of ids.entries()) {
      if (qrels.has(id))
        yield { id, vectors: { rows: tokens, dim: store.dim, vectors: vectors.subarray(i * values, (i + 1) * values) } }
    }
  } finally {
    await store.close()
  }
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const high = sorted[middle] ?? 0
  return sorted.length % 2 ? high : (high + (sorted[middle - 1] ?? high)) / 2
}
