/**
 * The one file that imports onnxruntime-web. Opens an ONNX model in WebAssembly (the plain SIMD build, which also Workers take)
 * and runs it: Workers, browsers, Deno, Bun, Node.
 */
import * as ort from 'onnxruntime-web/wasm'
import type { GraphSession, NamedTensor, TensorData } from '../../encoder/graphSession.ts'
import { DeviceError } from '../../format/errors.ts'
import { withoutWeights } from './onnxWeights.ts'

/** What a host brings: it alone knows how to get at a compiled module. */
export interface OnnxWebRuntime {
  /**
   * `onnxruntime-web/ort-wasm-simd-threaded.wasm`, compiled. Workers compile no bytes: there it is an import
   * (`import ortWasm from 'onnxruntime-web/ort-wasm-simd-threaded.wasm'`).
   */
  readonly wasm: WebAssembly.Module
  /**
   * Threads of one query. Default: 1; with `threadScript`, where memory can be shared (a page that is `crossOriginIsolated`),
   * half the cores, at most 4.
   */
  readonly threads?: number
  /**
   * URL of `onnxruntime-web/ort-wasm-simd-threaded.mjs`, which the threads run. Without it there is one thread: a bundle cannot
   * be its own thread script, since every thread would run the whole application again.
   */
  readonly threadScript?: string | URL
}

export interface OnnxWebSession extends GraphSession {
  /** Bytes of ONNX Runtime's WebAssembly memory: of all sessions, as there is one memory. It never shrinks. */
  readonly memoryBytes: number
  readonly threads: number
}

/** Most threads by default: a query has 32 rows, which more cannot share out. */
const THREADS_DEFAULT_MAX = 4

/**
 * ONNX Runtime is started once in a process and has one memory and one stack, so its state is the process's, whatever copies of
 * it we keep. `tail` is the work under way: two calls that take turns at their awaits would free each other's part of the stack.
 */
const runtime: { started?: Started; tail?: Promise<unknown> } = {}

interface Started {
  readonly memory: WebAssembly.Memory | undefined
  readonly threads: number
}

/**
 * @param model - bytes of an ONNX model; free to go once this has resolved
 * @throws DeviceError when ONNX Runtime does not start or does not take the model, or `threads` cannot be had
 * @throws ModelError when the bytes are no ONNX model
 */
export async function openOnnxWebSession(model: Uint8Array, host: OnnxWebRuntime): Promise<OnnxWebSession> {
  const threads = threadsOf(host)
  const session = await createSession(model, host, threads)
  return {
    threads,
    get memoryBytes() {
      return runtime.started?.memory?.buffer.byteLength ?? 0
    },
    run: (feeds) => inTurn(() => runSession(session, feeds)),
    close: () => inTurn(() => session.release()),
  }
}

/**
 * Starts a session from a model. This is a function of its own because of how V8 keeps variables: all functions made in one call share one
 * context, which holds every variable that any of them uses. Were the session's `run` and `close` made in here, the context would keep
 * the model's bytes for as long as the session lives.
 */
function createSession(model: Uint8Array, host: OnnxWebRuntime, threads: number): Promise<ort.InferenceSession> {
  const location = 'weights'
  const graph = withoutWeights(model, location)
  const options: ort.InferenceSession.SessionOptions = {
    executionProviders: ['wasm'],
    graphOptimizationLevel: 'all',
    externalData: [{ path: location, data: model }],
    // The arena would keep what a query needed for the next one, which saves no time here.
    enableCpuMemArena: false,
    logSeverityLevel: 4,
  }
  return inTurn(async () => {
    try {
      return await started(host.wasm, threads, host.threadScript, () => ort.InferenceSession.create(graph, options))
    } catch (cause) {
      throw new DeviceError(
        `starting the model in WebAssembly: ${(cause as Error)?.message ?? cause}. onnxruntime-web and its .wasm must be of one version; where ONNX Runtime failed to start once, the process (or page) has to start anew.`,
        { threads },
        { cause },
      )
    }
  })
}

async function runSession(
  session: ort.InferenceSession,
  feeds: Readonly<Record<string, NamedTensor>>,
): Promise<Record<string, NamedTensor>> {
  const tensors = Object.entries(feeds).map(([name, { type, data, dims }]) => {
    return [name, new ort.Tensor(type, data as never, dims)] as const
  })
  const results = await session.run(Object.fromEntries(tensors))
  return Object.fromEntries(
    Object.entries(results).map(([name, { type, data, dims }]) => {
      return [name, { type: type as NamedTensor['type'], data: data as TensorData, dims }]
    }),
  )
}

/**
 * Runs `work` when all earlier work has ended. Waits for nothing when there is none: with one thread no work ever waits for
 * I/O, so that in a Worker no request awaits a promise of another one.
 */
async function inTurn<T>(work: () => Promise<T>): Promise<T> {
  while (runtime.tail) await runtime.tail
  const done = work()
  const tail = done.then(
    () => {},
    () => {},
  )
  runtime.tail = tail
  try {
    return await done
  } finally {
    if (runtime.tail === tail) runtime.tail = undefined
  }
}

/** Runs `create` with ONNX Runtime set up, so that the first call starts it from the host's module. */
async function started<T>(
  module: WebAssembly.Module,
  threads: number,
  threadScript: string | URL | undefined,
  create: () => Promise<T>,
): Promise<T> {
  if (runtime.started) {
    if (runtime.started.threads === threads) return create()
    throw new Error(
      `it runs with ${runtime.started.threads} threads already, not ${threads}, and can be started only once`,
    )
  }
  // Its glue code instantiates bytes. It is given some that it recognises as present, and gets the module's instance for them.
  const standIn = new ArrayBuffer(8)
  const { instantiate } = WebAssembly
  const instantiateModule = async (source: unknown, imports: WebAssembly.Imports = {}) => {
    if (!(ArrayBuffer.isView(source) && source.buffer === standIn)) {
      return instantiate(source as BufferSource, imports)
    }
    runtime.started = { memory: importedMemory(imports), threads }
    // Asynchronously: Chromium instantiates nothing of this size at once on a page's main thread.
    return { module, instance: await instantiate(module, imports) }
  }
  const { wasm } = ort.env
  wasm.wasmBinary = standIn
  wasm.numThreads = threads
  wasm.proxy = false
  wasm.wasmPaths =
    threads > 1 && threadScript ? { mjs: new URL(threadScript, globalThis.location?.href).href } : undefined
  ort.env.logLevel = 'fatal'
  WebAssembly.instantiate = instantiateModule as typeof WebAssembly.instantiate
  try {
    return await create()
  } finally {
    WebAssembly.instantiate = instantiate
    wasm.wasmBinary = undefined
  }
}

function importedMemory(imports: WebAssembly.Imports): WebAssembly.Memory | undefined {
  const values = Object.values(imports).flatMap((names) => Object.values(names))
  return values.find((value): value is WebAssembly.Memory => value instanceof WebAssembly.Memory)
}

/** @throws DeviceError when more than one thread is asked for and cannot be had */
function threadsOf({ threads, threadScript }: OnnxWebRuntime): number {
  const isShared = globalThis.crossOriginIsolated === true
  if (threads === undefined) {
    const cores = globalThis.navigator?.hardwareConcurrency ?? 1
    return threadScript && isShared ? Math.min(THREADS_DEFAULT_MAX, Math.ceil(cores / 2)) : 1
  }
  const what = `running the model in WebAssembly with ${threads} threads`
  if (!Number.isInteger(threads) || threads < 1) {
    throw new DeviceError(`${what}: expected at least 1 thread, got ${threads}.`, { threads })
  }
  if (threads > 1 && !threadScript) {
    const cure = 'Serve that file of onnxruntime-web and name it, or ask for 1 thread.'
    throw new DeviceError(
      `${what}: expected "threadScript", the URL of ort-wasm-simd-threaded.mjs, got none. ${cure}`,
      { threads },
    )
  }
  if (threads > 1 && !isShared) {
    throw new DeviceError(
      `${what}: expected a cross-origin isolated page, got another host. Serve the page with Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp, or ask for 1 thread. Node, Deno and Bun have onnxruntime-node for more.`,
      { threads },
    )
  }
  return threads
}
