/** Memory of a Worker with encoder and index: what its isolate holds, asked through V8's inspector, and what the process took. */
import { readFile } from 'node:fs/promises'
import { startWorkerd } from '../../../lab/hosts/workerd.ts'
import { significant } from '../../harness/samples.ts'
import type { MemoryReport, MemoryTask } from './memoryWorker.ts'

/** All MB are 10^6 bytes. */
export interface WorkerMemory {
  /** WebAssembly memory of ONNX Runtime: model, weights, room to compute. */
  readonly encoder_wasm_mb: number
  /** WebAssembly memory of the kernels, with the index in it. */
  readonly index_wasm_mb: number
  /** JavaScript objects that are held: code, tokenizer, tables. */
  readonly heap_mb: number
  /** Array buffers that are held, WebAssembly memory not among them. */
  readonly buffers_mb: number
  /** The sum of the four. */
  readonly held_mb: number
  /** The same right after opening, before garbage was collected. */
  readonly opening_mb: number
  /** Largest resident set of the process: with compiled code, and with workerd itself, which takes `process_base_rss_mb`. */
  readonly process_peak_rss_mb: number
  readonly process_base_rss_mb: number
  readonly start_ms: number
}

export interface Usage {
  readonly heapMb: number
  readonly buffersMb: number
}

export async function measureWorkerMemory(task: MemoryTask): Promise<WorkerMemory> {
  const begun = performance.now()
  const workerd = await startWorkerd('bench/edge/memory/memoryWorker.ts', { inspector: true, v8Flags: ['--expose-gc'] })
  try {
    const collect = async () => (await fetch(workerd.url)).text()
    await collect()
    const startMs = performance.now() - begun
    const baseRss = await peakRssOf(workerd.pid)
    const response = await fetch(workerd.url, { method: 'POST', body: JSON.stringify(task) })
    if (!response.ok) throw new Error(`the Worker answered ${response.status}: ${await response.text()}`)
    const { encoderBytes, searcherBytes } = (await response.json()) as MemoryReport
    const opening = await usageOf(workerd.inspectorUrl)
    await collect()
    const held = await usageOf(workerd.inspectorUrl)
    const wasmMb = (encoderBytes + searcherBytes) / 1e6
    return {
      encoder_wasm_mb: significant(encoderBytes / 1e6),
      index_wasm_mb: significant(searcherBytes / 1e6),
      heap_mb: significant(held.heapMb),
      buffers_mb: significant(held.buffersMb),
      held_mb: significant(wasmMb + held.heapMb + held.buffersMb),
      opening_mb: significant(wasmMb + opening.heapMb + opening.buffersMb),
      process_peak_rss_mb: significant(await peakRssOf(workerd.pid)),
      process_base_rss_mb: significant(baseRss),
      start_ms: significant(startMs),
    }
  } finally {
    await workerd.stop()
  }
}

interface Target {
  readonly webSocketDebuggerUrl: string
}

/** With garbage that has not been collected: workerd's inspector does not answer `HeapProfiler.collectGarbage`. */
export async function usageOf(inspectorUrl: string): Promise<Usage> {
  const targets = (await (await fetch(`${inspectorUrl}/json`)).json()) as readonly Target[]
  const socket = new WebSocket(targets[0]!.webSocketDebuggerUrl)
  await new Promise((resolve, reject) => {
    socket.onopen = resolve
    socket.onerror = () => reject(new Error(`the inspector at ${inspectorUrl} does not answer`))
  })
  try {
    const { usedSize, backingStorageSize } = await ask(socket, 'Runtime.getHeapUsage')
    return { heapMb: usedSize! / 1e6, buffersMb: backingStorageSize! / 1e6 }
  } finally {
    socket.close()
  }
}

function ask(socket: WebSocket, method: string): Promise<Readonly<Record<string, number>>> {
  return new Promise((resolve, reject) => {
    socket.onmessage = ({ data }) => {
      const message = JSON.parse(String(data)) as { id?: number; result?: Record<string, number>; error?: object }
      if (message.id !== 1) return
      if (message.result) resolve(message.result)
      else reject(new Error(`${method}: ${JSON.stringify(message.error)}`))
    }
    socket.send(JSON.stringify({ id: 1, method }))
  })
}

/** Largest resident set of a process so far, MB (10^6 bytes). Linux. */
export async function peakRssOf(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return (Number(/VmHWM:\s*(\d+) kB/.exec(status)?.[1]) * 1024) / 1e6
}
