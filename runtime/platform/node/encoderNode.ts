/** Opens a model folder on Node: finds it by name or path, and runs its network with onnxruntime-node. */
import { readdir, stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Encoder } from '../../../encoder/encoder.ts'
import { encoderSession } from '../../../encoder/graphSession.ts'
import type { ModelManifest } from '../../../encoder/modelManifest.ts'
import { createTextEncoder } from '../../../encoder/textEncoder.ts'
import { InputError, ModelError } from '../../../format/errors.ts'
import { readModelContents, readModelManifest } from '../../encoders/modelFiles.ts'
import { folderFiles } from './nodeFiles.ts'
import type { Device, OnnxSession, OnnxSessionOptions } from './onnxNode.ts'

export interface ModelOptions {
  /** Default 'cpu'. */
  readonly device?: Device
  /** Threads inside one operator. Default: all cores; one where `workers` run the network. */
  readonly threads?: number
  /**
   * Threads of their own that run the network, one text each: for servers, whose thread then stays free. Default 0: the network runs
   * on this thread, and nothing else meanwhile.
   */
  readonly workers?: number
  /**
   * One of the model's precisions. Default: the manifest's on a CPU; 'f16' on a GPU where the model has it, since the
   * int8 operators run on the CPU only.
   */
  readonly precision?: string
}

/** A model folder in memory, every file's size and checksum verified. */
export interface ModelFolder {
  readonly folder: string
  readonly manifest: ModelManifest
  readonly precision: string
  /** The ONNX file of `precision`. */
  readonly model: Uint8Array
  readonly tokenizerJson: string
}

/** Where the models that come with the package are. */
const BUNDLED_MODELS = fileURLToPath(new URL('../../../models/', import.meta.url))

/**
 * @param pathOrName - a model folder, or the name of a bundled model such as "tartan-small"; a name is looked up first
 * @returns the encoder; closing it frees the session
 * @throws InputError on an option out of range, ModelError when there is no such model, or a file of it is missing or damaged;
 * DeviceError as `openOnnxSession`
 */
export async function openModel(pathOrName: string, options: ModelOptions = {}): Promise<Encoder> {
  requireOptions(options)
  const { manifest, precision, model, tokenizerJson } = await readModelFolder(pathOrName, options)
  // Loaded with the first model: who only searches with vectors, or encodes elsewhere, needs no onnxruntime-node.
  const { workers = 0, device, threads } = options
  const onnx = await openNetwork(model, workers, { device, ...(threads ? { threads } : {}) })
  try {
    return createTextEncoder({ manifest, precision, tokenizerJson, session: encoderSession(onnx, manifest) })
  } catch (error) {
    await onnx.close()
    throw error
  }
}

async function openNetwork(model: Uint8Array, workers: number, options: OnnxSessionOptions): Promise<OnnxSession> {
  if (workers > 0) return (await import('./threads/onnxThreads.ts')).openOnnxThreads(model, workers, options)
  return (await import('./onnxNode.ts')).openOnnxSession(model, options)
}

/** Of threads that run the network. */
const WORKERS_MAX = 64

const DEVICES: ReadonlySet<unknown> = new Set<Device>(['cpu', 'webgpu', 'cuda'])

function requireOptions({ device, threads, workers = 0 }: ModelOptions): void {
  if (device !== undefined && !DEVICES.has(device)) {
    throw new InputError(`opening a model: expected the device ${[...DEVICES].join(', ')}, got "${device}".`)
  }
  if (threads !== undefined && !(Number.isInteger(threads) && threads > 0)) {
    throw new InputError(`opening a model: expected threads to be an integer from 1 on, got ${threads}.`)
  }
  if (!(Number.isInteger(workers) && workers >= 0 && workers <= WORKERS_MAX)) {
    throw new InputError(`opening a model: expected workers to be an integer in [0, ${WORKERS_MAX}], got ${workers}.`)
  }
}

/**
 * The files of a model without a session, for callers that extend its graph.
 * @throws ModelError when there is no such model, or a file of it is missing or damaged; StorageError
 */
export async function readModelFolder(pathOrName: string, options: ModelOptions = {}): Promise<ModelFolder> {
  const folder = await folderOf(pathOrName)
  const files = folderFiles(folder)
  const manifest = await readModelManifest(files)
  const precision = options.precision ?? defaultPrecision(manifest, options.device)
  return { folder, manifest, precision, ...(await readModelContents(files, manifest, { precision })) }
}

/** Names of the models that come with the package, sorted. */
export async function bundledModels(): Promise<readonly string[]> {
  const entries = await readdir(BUNDLED_MODELS, { withFileTypes: true }).catch(() => [])
  return entries
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort()
}

function defaultPrecision(manifest: ModelManifest, device: Device = 'cpu'): string {
  return device !== 'cpu' && Object.hasOwn(manifest.files, 'f16') ? 'f16' : manifest.defaultPrecision
}

/** @throws ModelError when it is neither a bundled model nor a folder with a manifest */
async function folderOf(pathOrName: string): Promise<string> {
  const bundled = await bundledModels()
  const folder = bundled.includes(pathOrName) ? join(BUNDLED_MODELS, pathOrName) : resolve(pathOrName)
  const found = await stat(join(folder, 'manifest.json')).catch(() => undefined)
  if (found) return folder
  throw new ModelError(
    `opening the model "${pathOrName}": expected a bundled model (${bundled.join(', ') || 'none here'}) or a folder with a manifest.json, got neither. Check the spelling or give the folder's path.`,
    { model: pathOrName, bundled: bundled.join(', ') },
  )
}
