/**
 * Speed of encoding passages on a CPU: our encoder, and onnxruntime's Python binding on the very same batches of the same
 * model with as many threads, in alternating rounds. Usage and the meaning of each key: bench/README.md.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { readCorpus } from '../builder/corpus/corpus.ts'
import { BATCH_SIZE_DEFAULT } from '../builder/encodeCorpus.ts'
import type { Encoder, EncoderSession } from '../encoder/encoder.ts'
import { encoderSession } from '../encoder/graphSession.ts'
import { modelFileOf } from '../encoder/modelManifest.ts'
import { encodedTextOf } from '../encoder/passageText.ts'
import { createTextEncoder } from '../encoder/textEncoder.ts'
import { readModelFolder } from '../runtime/platform/node/encoderNode.ts'
import { openOnnxSession } from '../runtime/platform/node/onnxNode.ts'
import {
  cachePath,
  integer,
  optionalInteger,
  progress,
  runBench,
  sharedFolder,
  textTable,
} from './harness/commandLine.ts'
import { openPythonPeer, type PythonPeer } from './harness/pythonPeer.ts'
import { startRecord, writeResult } from './harness/record.ts'
import { median, significant, summarise } from './harness/samples.ts'

const USAGE =
  'npm run -s bench:encode -- --python PYTHON|none [--shared FOLDER] [--passages 500] [--batch-size 8] [--threads N] [--rounds 5] [--precision int8]'

/** onnxruntime's threads spin for a while after a call; the other side starts when they sleep. */
const PAUSE_MS = 300

await runBench(
  USAGE,
  {
    ...{ python: '', shared: '', passages: integer(500, 1e6), 'batch-size': integer(BATCH_SIZE_DEFAULT, 4096) },
    ...{ threads: optionalInteger(1024), rounds: integer(5, 1000), precision: 'int8' },
  },
  async ({ passages, 'batch-size': batchSize, threads = availableParallelism(), rounds, ...options }) => {
    const corpus = await sharedFolder(options.shared, 'collections', 'scifact', 'corpus.jsonl')
    const started = await startRecord('encode')
    const ours = await openOurs(options.precision, threads)
    const batches = batchesOf(await readTexts(corpus, passages), ours.encoder, batchSize)
    progress(`warm-up: ${batches.length} batches, recorded for the peer`)
    const recorded = await record(ours, batches)
    const peer = options.python === 'none' ? undefined : await openPeer(options.python, ours, recorded, threads)
    if (!peer) progress('no peer: --python none')
    const measured = await measure(ours, batches, peer, rounds)
    peer?.close()
    await ours.encoder.close()
    const metrics = summaryOf(measured, recorded)
    const suffix = batchSize === BATCH_SIZE_DEFAULT ? '' : `-batch${batchSize}`
    await writeResult(`encode-${options.precision}${suffix}`, started, {
      parameters: { model: 'tartan-small', precision: options.precision, passages, batch_size: batchSize, threads },
      samples: {
        rounds,
        batches: batches.length,
        of: 'batches x rounds',
        warm_up: 'all batches once on either side',
      },
      units: {
        '*_per_s': 'a second; tokens are [CLS], marker and [SEP] included, padding not',
        '*_ms_per_token': 'milliseconds a token of a batch',
        'ratio*': 'peer time / our time; above 1 we are faster',
      },
      metrics: {
        ...metrics,
        ...(peer && { peer_versions: peer.versions, first_batch_max_difference: await difference(recorded) }),
      },
    })
    process.stdout.write(`${table(metrics)}\n`)
  },
)

/** Our encoder over a session that can be watched. */
interface Ours {
  readonly encoder: Encoder
  readonly modelPath: string
  readonly graph: { readonly inputIds: string; readonly attentionMask: string; readonly tokenVectors: string }
  /** Called for each batch that runs. */
  onRun: (run: SessionRun) => void
}

interface SessionRun {
  readonly inputIds: BigInt64Array
  readonly attentionMask: BigInt64Array
  readonly batch: number
  readonly tokens: number
  readonly output: Float32Array
  readonly seconds: number
}

async function openOurs(precision: string, threads: number): Promise<Ours> {
  const { folder, manifest, model, tokenizerJson } = await readModelFolder('tartan-small', { precision })
  const inner = encoderSession(await openOnnxSession(model, { device: 'cpu', threads }), manifest)
  const session: EncoderSession = {
    async run(inputIds, attentionMask, batch, tokens) {
      const started = performance.now()
      const output = await inner.run(inputIds, attentionMask, batch, tokens)
      ours.onRun({ inputIds, attentionMask, batch, tokens, output, seconds: (performance.now() - started) / 1000 })
      return output
    },
    close: () => inner.close(),
  }
  const ours: Ours = {
    encoder: createTextEncoder({ manifest, precision, tokenizerJson, session }),
    modelPath: join(folder, modelFileOf(manifest, precision).file),
    graph: manifest.graph,
    onRun: () => undefined,
  }
  return ours
}

async function readTexts(corpus: string, limit: number): Promise<readonly string[]> {
  const texts: string[] = []
  for await (const passage of readCorpus(corpus, { limit })) texts.push(encodedTextOf(passage))
  return texts
}

/** As the builder makes them: sorted by length within its window, which 500 passages fill once. */
function batchesOf(texts: readonly string[], encoder: Encoder, batchSize: number): readonly (readonly string[])[] {
  const counted = texts.map((text) => ({ text, tokens: encoder.countPassageTokens(text) }))
  const sorted = counted.toSorted((a, b) => a.tokens - b.tokens).map(({ text }) => text)
  return Array.from({ length: Math.ceil(sorted.length / batchSize) }, (_, i) =>
    sorted.slice(i * batchSize, (i + 1) * batchSize),
  )
}

interface Recorded {
  /** Tokens the network attends to, of each batch. */
  readonly tokens: readonly number[]
  readonly passages: number
  readonly path: string
  readonly firstOutput: Float32Array
  readonly peerOutputPath: string
}

/** One pass over all batches, which warms us up and writes down what the network was given. */
async function record(ours: Ours, batches: readonly (readonly string[])[]): Promise<Recorded> {
  const runs: SessionRun[] = []
  ours.onRun = (run) => runs.push(runs.length === 0 ? run : { ...run, output: new Float32Array(0) })
  for (const batch of batches) await ours.encoder.encodePassages(batch)
  ours.onRun = () => undefined
  const folder = cachePath('encode')
  await mkdir(folder, { recursive: true })
  const file = join(folder, 'batches.i64')
  const bytesOf = (values: BigInt64Array) => new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
  await writeFile(
    file,
    runs.flatMap(({ inputIds, attentionMask }) => [bytesOf(inputIds), bytesOf(attentionMask)]),
  )
  const path = join(folder, 'batches.json')
  const { inputIds, attentionMask, tokenVectors } = ours.graph
  const shapes = runs.map(({ batch, tokens }) => [batch, tokens])
  await writeFile(path, JSON.stringify({ inputIds, attentionMask, tokenVectors, file, batches: shapes }))
  return {
    tokens: runs.map((run) => run.attentionMask.reduce((sum, bit) => sum + Number(bit), 0)),
    passages: runs.reduce((sum, { batch }) => sum + batch, 0),
    path,
    firstOutput: runs[0]!.output,
    peerOutputPath: join(folder, 'peer-first.f32'),
  }
}

function openPeer(python: string, ours: Ours, recorded: Recorded, threads: number): Promise<PythonPeer> {
  return openPythonPeer({
    python: python || 'python3',
    model: ours.modelPath,
    batches: recorded.path,
    threads,
    firstOutput: recorded.peerOutputPath,
  })
}

/** Seconds of each batch, round by round. */
interface Measured {
  /** Texts in, vectors out: tokenizing, the network, dropping rows, checking their lengths. */
  readonly encode: number[][]
  /** Of it the network alone. */
  readonly session: number[][]
  /** The peer's network alone: it is given token ids. */
  readonly peer: number[][]
}

async function measure(
  ours: Ours,
  batches: readonly (readonly string[])[],
  peer: PythonPeer | undefined,
  rounds: number,
): Promise<Measured> {
  const measured: Measured = { encode: [], session: [], peer: [] }
  const ourRound = async () => {
    const { encode, session } = await runOurs(ours, batches)
    measured.encode.push(encode)
    measured.session.push(session)
  }
  const peerRound = async () => {
    if (peer) measured.peer.push([...(await peer.round())])
  }
  await peer?.round()
  for (let round = 0; round < rounds; round++) {
    // Who goes first alternates: a machine that slows down then favours neither.
    for (const side of round % 2 === 0 ? [ourRound, peerRound] : [peerRound, ourRound]) {
      await sleep(PAUSE_MS)
      await side()
    }
    progress(`round ${round + 1} of ${rounds}`)
  }
  return measured
}

async function runOurs(ours: Ours, batches: readonly (readonly string[])[]) {
  const encode: number[] = []
  const session: number[] = []
  ours.onRun = ({ seconds }) => session.push(seconds)
  for (const batch of batches) {
    const started = performance.now()
    await ours.encoder.encodePassages(batch)
    encode.push((performance.now() - started) / 1000)
  }
  return { encode, session }
}

type Metrics = ReturnType<typeof summaryOf>

function summaryOf({ encode, session, peer }: Measured, { tokens, passages }: Recorded) {
  const allTokens = tokens.reduce((sum, count) => sum + count, 0)
  const totals = (rounds: readonly (readonly number[])[]) =>
    rounds.map((seconds) => seconds.reduce((sum, value) => sum + value, 0))
  const side = (rounds: readonly (readonly number[])[]) => {
    const seconds = totals(rounds)
    return {
      passages_per_s: significant(passages / median(seconds)),
      tokens_per_s: significant(allTokens / median(seconds)),
      passages_per_s_rounds: seconds.map((value) => significant(passages / value)),
      batch_ms_per_token: summarise(rounds.flatMap((batch) => batch.map((value, i) => (value * 1000) / tokens[i]!))),
    }
  }
  const ratio = (ours: readonly (readonly number[])[]) => {
    const rounds = totals(peer).map((value, i) => value / totals(ours)[i]!)
    return { median: significant(median(rounds)), rounds: rounds.map((value) => significant(value)) }
  }
  return {
    passages,
    tokens: allTokens,
    encode: side(encode),
    session_only: side(session),
    ...(peer.length > 0 && {
      python_session_only: side(peer),
      ratio_encode: ratio(encode),
      ratio_session_only: ratio(session),
    }),
  }
}

/** Largest difference between our network's output and the peer's for the first batch, padding rows included. */
async function difference({ firstOutput, peerOutputPath }: Recorded): Promise<number> {
  const bytes = await readFile(peerOutputPath)
  const peer = new Float32Array(new Uint8Array(bytes).buffer)
  return significant(firstOutput.reduce((max, value, i) => Math.max(max, Math.abs(value - peer[i]!)), 0))
}

function table(metrics: Metrics): string {
  const rows = [
    ['ours, texts in, vectors out', metrics.encode],
    ['ours, network only', metrics.session_only],
    ['onnxruntime in Python, network only', metrics.python_session_only],
  ] as const
  const lines = rows.flatMap(([name, side]) =>
    side ? [[name, String(side.passages_per_s), String(side.tokens_per_s)]] : [],
  )
  const ratio = metrics.ratio_encode
    ? `\nratio to Python: ${metrics.ratio_encode.median} (network only: ${metrics.ratio_session_only?.median})`
    : ''
  return textTable([['', 'passages/s', 'tokens/s'], ...lines]) + ratio
}
