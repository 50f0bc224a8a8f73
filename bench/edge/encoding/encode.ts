/**
 * Encoding a query by onnxruntime-web on every host beside onnxruntime-node: cold and warm, in rounds that take turns; and the
 * memory it takes in a Worker. Usage and the meaning of each key: bench/README.md.
 */
import { readFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { gzipSync } from 'node:zlib'
import { encodeByPage, encodeByScript, encodeByWorkerd } from '../../../lab/encoding/encoderHosts.ts'
import type { EncodeReport, EncodeTask } from '../../../lab/encoding/encoderRun.ts'
import { startEncoderServer } from '../../../lab/encoding/encoderServer.ts'
import { launchChromium } from '../../../lab/hosts/chromium.ts'
import { integer, progress, rootPath, runBench, textTable } from '../../harness/commandLine.ts'
import { runFresh } from '../../harness/freshProcess.ts'
import { startRecord, writeResult } from '../../harness/record.ts'
import { median, significant, summarise } from '../../harness/samples.ts'
import { measureWorkerMemory } from '../memory/workerdMemory.ts'
import type { NativeReport, NativeTask } from './nativeEncodeChild.ts'

const USAGE = 'npm run -s bench:edge-encode [-- --queries 40] [--rounds 3]'
/** Queries of each round that are not counted as warm: engines compile again what runs often. */
const WARM_UP = 8

type Times = Pick<EncodeReport, 'openMs' | 'queryMs'> & Partial<EncodeReport>

interface Arm {
  readonly name: string
  readonly encode: () => Promise<Times>
  readonly rounds: Times[]
}

await runBench(USAGE, { queries: integer(40, 40, 10), rounds: integer(3, 100) }, async ({ queries: count, rounds }) => {
  const queries = [...(await readTitles()).slice(0, count)]
  const started = await startRecord('edge-encode')
  const server = await startEncoderServer()
  const browser = await launchChromium()
  const task: EncodeTask = { modelUrl: `${server.url}/model/`, queries }
  const native = (threads: number) => () =>
    runFresh<NativeReport>(new URL('nativeEncodeChild.ts', import.meta.url), { queries, threads } satisfies NativeTask)
  const inPage = (threads: number) => async () => {
    const run = await encodeByPage(browser, server.url, task, { where: 'worker', threads })
    await run.close()
    return run.report
  }
  const arms: readonly Arm[] = [
    { name: 'onnxruntime-node, 1 thread', encode: native(1), rounds: [] },
    { name: `onnxruntime-node, ${availableParallelism()} threads`, encode: native(availableParallelism()), rounds: [] },
    { name: 'Node', encode: () => encodeByScript('node', task), rounds: [] },
    { name: 'Deno', encode: () => encodeByScript('deno', task), rounds: [] },
    { name: 'Bun', encode: () => encodeByScript('bun', task), rounds: [] },
    { name: 'workerd', encode: () => encodeByWorkerd(task), rounds: [] },
    { name: 'Chromium', encode: inPage(1), rounds: [] },
    { name: 'Chromium, 2 threads', encode: inPage(2), rounds: [] },
  ]
  try {
    for (let round = 0; round < rounds; round++) {
      for (const arm of arms) {
        const times = await arm.encode()
        arm.rounds.push(times)
        progress(`round ${round + 1}/${rounds}: ${arm.name}: ${median(warm(times)).toFixed(1)} ms a query`)
      }
    }
    const hosts = arms.map((arm) => summaryOf(arm, arms[0]!))
    const worker = await measureWorkerMemory({ modelUrl: task.modelUrl, query: queries[0]! })
    await writeResult('edge-encode', started, {
      parameters: {
        model: 'tartan-small int8',
        query_rows: 32,
        queries: count,
        hosts: await hostVersions(browser.version()),
      },
      samples: {
        rounds,
        warm: `queries ${WARM_UP + 1} to ${count} of each round`,
        cold: 'the first of each round, in a fresh process, Worker or page; the model from a server on this machine',
      },
      units: {
        '*_ms': 'milliseconds, wall time',
        '*_mb': '10^6 bytes',
        ratio: "times the median of onnxruntime-node's on one thread, of the same round",
      },
      metrics: { hosts, worker, ort_wasm: await wasmSizes() },
    })
    process.stdout.write(`${tableOf(hosts)}\n${JSON.stringify(worker, undefined, 2)}\n`)
  } finally {
    await browser.close()
    await server.stop()
  }
})

function warm({ queryMs }: Times): readonly number[] {
  return queryMs.slice(WARM_UP)
}

function summaryOf({ name, rounds }: Arm, base: Arm) {
  const { p50, p95, samples } = summarise(rounds.flatMap(warm))
  const ratios = rounds.map((times, round) => significant(median(warm(times)) / median(warm(base.rounds[round]!))))
  const middle = (of: (times: Times) => number) => significant(median(rounds.map(of)))
  const { threads, memoryBytes } = rounds[0]!
  return {
    name,
    ...(threads === undefined ? {} : { threads, wasm_memory_mb: significant(memoryBytes! / 1e6) }),
    compile_ms: middle(({ compileMs = 0 }) => compileMs),
    open_ms: middle(({ openMs }) => openMs),
    first_query_ms: middle(({ queryMs }) => queryMs[0]!),
    cold_ms: middle(({ compileMs = 0, openMs, queryMs }) => compileMs + openMs + queryMs[0]!),
    query_ms_median: p50,
    query_ms_p95: p95,
    samples,
    ratio: significant(median(ratios)),
    ratio_rounds: ratios,
  }
}

/** What the runtime's WebAssembly counts towards the size of a script. */
async function wasmSizes(): Promise<{ readonly bytes: number; readonly gzip_bytes: number }> {
  const wasm = await readFile(rootPath('node_modules/onnxruntime-web/dist/ort-wasm-simd-threaded.wasm'))
  return { bytes: wasm.length, gzip_bytes: gzipSync(wasm).length }
}

async function readTitles(): Promise<readonly string[]> {
  const lines = (await readFile(rootPath('test/golden/corpus/scifact40.jsonl'), 'utf8')).trim().split('\n')
  return lines.map((line) => (JSON.parse(line) as { title: string }).title)
}

async function hostVersions(chromium: string): Promise<Record<string, string>> {
  const names = ['onnxruntime-web', 'deno', 'bun', 'workerd']
  const versions = await Promise.all(
    names.map(async (name) => {
      const text = await readFile(rootPath('node_modules', name, 'package.json'), 'utf8')
      return [name, (JSON.parse(text) as { version: string }).version] as const
    }),
  )
  return { ...Object.fromEntries(versions), chromium }
}

function tableOf(hosts: readonly ReturnType<typeof summaryOf>[]): string {
  return textTable([
    ['', 'cold ms', 'first query', 'ms a query', 'p95', 'ratio', 'WASM MB'],
    ...hosts.map((host) => [
      host.name,
      host.cold_ms.toFixed(0),
      host.first_query_ms.toFixed(0),
      host.query_ms_median.toFixed(1),
      host.query_ms_p95.toFixed(1),
      host.ratio.toFixed(2),
      host.wasm_memory_mb?.toFixed(1) ?? '–',
    ]),
  ])
}
