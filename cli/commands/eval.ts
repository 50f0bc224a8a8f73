/** `tartan eval`: quality and time of an index on judged queries. */
import { stat } from 'node:fs/promises'
import { Command, Option } from 'commander'
import { evaluate } from '../../builder/eval/evaluate.ts'
import { type Qrels, readQrels } from '../../builder/eval/qrels.ts'
import { readQueries } from '../../builder/eval/queries.ts'
import { type RankedPassage, writeRanking } from '../../builder/eval/ranking.ts'
import { openVectorStore } from '../../builder/stores/vectorStore.ts'
import { readVectorsQrels } from '../../builder/stores/vectorsFolder.ts'
import { AbortedError, InputError } from '../../format/errors.ts'
import { K_MAX } from '../../format/limits.ts'
import { openIndex } from '../../runtime/platform/node/nodeIndex.ts'
import { openQueryEncoder } from '../../runtime/platform/node/queryEncoder.ts'
import type { QueryVectors, SearchOptions } from '../../runtime/searcher.ts'
import { integer, jsonOption, searchParameterOptions } from '../options.ts'
import { formatTable } from '../terminal.ts'

interface Options extends SearchOptions {
  readonly queries?: string
  readonly qrels?: string
  readonly vectors?: string
  readonly model?: string
  readonly k: number
  readonly ranking?: string
  readonly json?: boolean
  readonly force?: boolean
}

interface VectorQuery extends QueryVectors {
  readonly id: string
}

export function evalCommand(signal: AbortSignal): Command {
  const command = new Command('eval')
    .description(
      'Measure quality (nDCG@10, MRR@10, Recall@100, Success@5, MAP) and time of an index on judged queries.',
    )
    .argument('<index>', 'index folder or pack')
    .option('--queries <file>', 'queries: BEIR JSONL or TSV (qid, text)')
    .option('--qrels <file>', 'judgements: BEIR, TREC or MS MARCO')
    .option('--vectors <folder>', 'take query vectors and judgements of a vectors folder instead (see `tartan encode`)')
    .addOption(new Option('-k, --k <n>', 'results a query').argParser(integer(1, K_MAX)).default(100))
    .addOption(new Option('-m, --model <name|folder>', "encoder (default: the index's own, if bundled)"))
    .option('--ranking <file>', 'write the run: qid, pid, rank, score')
    .option('-f, --force', 'replace the file of --ranking if it exists')
  for (const option of searchParameterOptions()) command.addOption(option)
  return command
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
Only judged queries are run. ms_per_query is the median of searching alone, one thread, encoding not counted.

Examples:
  tartan eval corpus.tartan --queries queries.jsonl --qrels qrels/test.tsv
  tartan eval corpus.tartan --queries queries.tsv --qrels qrels.trec --k 1000 --ranking ranking.tsv --json`,
    )
    .action((index: string, options: Options) => runEval(index, options, signal))
}

async function runEval(index: string, options: Options, signal: AbortSignal): Promise<void> {
  const { queries, qrels, vectors, model, k, ranking, force, json, ...parameters } = options
  if (vectors ? queries || qrels : !(queries && qrels)) {
    throw new InputError('eval takes --queries FILE and --qrels FILE, or --vectors FOLDER.')
  }
  if (ranking && !force && (await stat(ranking).catch(() => undefined))) {
    throw new InputError(`"${ranking}" exists already. Add --force to replace it, or choose another --ranking.`)
  }
  const searcher = await openIndex(index)
  try {
    const judged = vectors ? await readVectorsQrels(vectors) : await readQrels(qrels ?? '')
    const source = vectors ? vectorQueries(vectors, judged) : textQueries(queries ?? '', judged, searcher.info, model)
    const run = new Map<string, readonly RankedPassage[]>()
    const times: number[] = []
    for await (const query of source) {
      if (signal.aborted) throw new AbortedError()
      const started = performance.now()
      const answer = await searcher.search(query, { ...parameters, k })
      times.push(performance.now() - started)
      run.set(
        query.id,
        answer.hits.map(({ id, score }) => ({ id, score })),
      )
    }
    if (run.size === 0)
      throw new InputError('none of the queries is judged: the ids of --queries and --qrels do not meet.')
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
    const metrics = evaluate(run, new Map([...judged].filter(([id]) => run.has(id))), k)
    if (ranking) await writeRanking(ranking, run)
    const report = { ...metrics, ms_per_query: median(times), queries: run.size, k }
    process.stdout.write(
      json
        ? `${JSON.stringify(report)}\n`
        : `${formatTable(Object.entries(report).map(([key, value]) => [key, Number.isInteger(value) ? String(value) : value.toFixed(4)]))}\n`,
    )
  } finally {
    await searcher.close()
  }
}

async function* textQueries(
  path: string,
  qrels: Qrels,
  info: Parameters<typeof openQueryEncoder>[0],
  model?: string,
): AsyncGenerator<VectorQuery> {
  const queries = await readQueries(path)
  const encoder = await openQueryEncoder(info, model)
  try {
    for (const { id, text } of queries) {
      if (qrels.has(id)) yield { id, ...(await encoder.encodeQuery(text)) }
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
        yield { id, rows: tokens, dim: store.dim, vectors: vectors.subarray(i * values, (i + 1) * values) }
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
