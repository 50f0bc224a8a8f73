/**
 * Opens an ONNX model on an explicitly chosen execution provider and runs it. The one file that imports onnxruntime-node: an
 * optional peer of 290 MB, loaded when it is first needed, so that Workers and browsers need not install it.
 */
import type ort from 'onnxruntime-node'
import type { GraphSession, NamedTensor, TensorData } from '../../../encoder/graphSession.ts'
import { DeviceError } from '../../../format/errors.ts'

export type { NamedTensor, TensorData } from '../../../encoder/graphSession.ts'

export type Device = 'cpu' | 'webgpu' | 'cuda'

/** What to look at when a device does not start. Said in full: the package does not hold its documents. */
const DEVICE_CURES: Readonly<Record<Device, string>> = {
  cpu: 'Is the model file an ONNX model that this version of ONNX Runtime reads?',
  webgpu: 'It needs a GPU, and on Linux a Vulkan driver. --device cpu always works.',
  cuda: 'It needs an NVIDIA GPU with CUDA 12 and cuDNN 9, and libraries that are not in the npm registry: "ONNXRUNTIME_NODE_INSTALL=cuda12 node node_modules/onnxruntime-node/script/install.js" fetches them. --device cpu always works.',
}

/** A model that is ready to run on a device. */
export interface OnnxSession extends GraphSession {
  readonly device: Device
}

export interface OnnxSessionOptions {
  /** Default 'cpu'. */
  readonly device?: Device
  /** Threads inside one operator; default: all cores. */
  readonly threads?: number
}

/**
 * Execution providers in the installed onnxruntime-node binary.
 *
 * @throws DeviceError when onnxruntime-node is not installed, or has no binary for this machine
 */
export async function availableDevices(): Promise<readonly Device[]> {
  return devicesOf(await loadOnnxRuntime())
}

function devicesOf(runtime: typeof ort): readonly Device[] {
  const names = new Set(runtime.listSupportedBackends().map((backend) => backend.name))
  return (['cpu', 'webgpu', 'cuda'] as const).filter((name) => names.has(name))
}

async function loadOnnxRuntime(): Promise<typeof ort> {
  try {
    return (await import('onnxruntime-node')).default
  } catch (cause) {
    const { message } = cause as Error
    // Node, Bun and Deno quote the name of a package that they do not find; a binary that is missing is named by its path.
    const isMissing = /['"]onnxruntime-node['"]/.test(message)
    const got = isMissing ? 'none' : `one that does not load: ${message.split('\n')[0]}`
    const cure = isMissing
      ? 'Install it: npm install onnxruntime-node. On Linux x64 write ONNXRUNTIME_NODE_INSTALL=skip before that, and it fetches no CUDA, which CPUs do not need.'
      : 'It has binaries for Linux with glibc, macOS and Windows. Elsewhere openWebEncoder of tartan-search/web-encoder encodes queries.'
    throw new DeviceError(
      `encoding texts or building an index: expected the package onnxruntime-node, got ${got}. ${cure}`,
      { package: 'onnxruntime-node' },
      { cause },
    )
  }
}

/**
 * ONNX Runtime 1.29 and later send usage data to Microsoft from Linux and macOS, and crash on a command line of more than
 * some 9,000 characters while they prepare it (seen with 1.30.0; microsoft/onnxruntime#32173 is a crash in the same place).
 * A search tool sends nothing: the runtime reads this variable when it starts, at the first session. Of the main thread only: what a
 * worker thread sets is seen by nobody else, and not by the runtime.
 */
export function disableTelemetry(): void {
  process.env.ORT_DISABLE_TELEMETRY ??= '1'
}

/**
 * Threads that wait for each other sleep. By default ONNX Runtime's spin, which beside busy neighbours (CI machines, containers) burns
 * what the others need: of one CPU second, 4,100 tokens instead of 2,900 (int8, batches of 32 × 160, two threads on two busy cores).
 * On cores that are idle it costs a tenth to a quarter of the speed.
 */
const NO_SPINNING = { session: { intra_op: { allow_spinning: '0' }, inter_op: { allow_spinning: '0' } } }

/**
 * @param model - bytes of an ONNX model
 * @throws DeviceError when onnxruntime-node is not installed, or the provider is missing (it lists those that are there) or
 *   fails to start
 */
export async function openOnnxSession(model: Uint8Array, options: OnnxSessionOptions = {}): Promise<OnnxSession> {
  const device = options.device ?? 'cpu'
  const runtime = await loadOnnxRuntime()
  const available = devicesOf(runtime)
  if (!available.includes(device)) {
    throw new DeviceError(
      `device "${device}" is not in this onnxruntime-node binary; it has: ${available.join(', ')}. Choose one with --device.`,
      { device },
    )
  }
  disableTelemetry()
  // What goes wrong is thrown; the runtime would print it as well, in red and with its own sources' names, before anybody could.
  runtime.env.logLevel = 'fatal'
  let session: ort.InferenceSession
  try {
    session = await runtime.InferenceSession.create(model, {
      executionProviders: [device],
      graphOptimizationLevel: 'all',
      logSeverityLevel: 4,
      extra: NO_SPINNING,
      ...(options.threads ? { intraOpNumThreads: options.threads } : {}),
    })
  } catch (cause) {
    const cure = DEVICE_CURES[device]
    throw new DeviceError(
      `device "${device}" could not start the model: ${(cause as Error).message}. ${cure}`,
      { device },
      { cause },
    )
  }
  return {
    device,
    async run(feeds) {
      const tensors: Record<string, ort.Tensor> = {}
      for (const [name, { type, data, dims }] of Object.entries(feeds))
        tensors[name] = new runtime.Tensor(type, data as never, dims)
      const results = await session.run(tensors)
      const outputs: Record<string, NamedTensor> = {}
      for (const [name, tensor] of Object.entries(results)) {
        outputs[name] = { type: tensor.type as NamedTensor['type'], data: tensor.data as TensorData, dims: tensor.dims }
      }
      return outputs
    },
    close: () => session.release(),
  }
}
