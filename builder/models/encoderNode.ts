/** Opens a model folder on Node: reads its files, checks their SHA-256, and runs the network with onnxruntime-node. */
import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Encoder } from '../../encoder/encoder.ts'
import { encoderSession } from '../../encoder/graphSession.ts'
import { loadModelManifest, type ModelFile, type ModelManifest, modelFileOf } from '../../encoder/modelManifest.ts'
import { createTextEncoder } from '../../encoder/textEncoder.ts'
import { ModelError } from '../../format/errors.ts'
import { type Device, openOnnxSession } from './onnxNode.ts'

export { encoderSession } from '../../encoder/graphSession.ts'

export interface ModelOptions {
  /** Default 'cpu'. */
  readonly device?: Device
  /** Threads inside one operator; default: all cores. */
  readonly threads?: number
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
const BUNDLED_MODELS = fileURLToPath(new URL('../../models/', import.meta.url))

/**
 * @param pathOrName - a model folder, or the name of a bundled model such as "tartan-small"; a name is looked up first
 * @returns the encoder; closing it frees the session
 * @throws ModelError when there is no such model, or a file of it is missing or damaged; DeviceError as `openOnnxSession`
 */
export async function openModel(pathOrName: string, options: ModelOptions = {}): Promise<Encoder> {
  const { manifest, precision, model, tokenizerJson } = await readModelFolder(pathOrName, options)
  const onnx = await openOnnxSession(model, { device: options.device, threads: options.threads })
  try {
    return createTextEncoder({ manifest, precision, tokenizerJson, session: encoderSession(onnx, manifest) })
  } catch (error) {
    await onnx.close()
    throw error
  }
}

/** The files of a model without a session, for callers that extend its graph. Throws as `openModel` does. */
export async function readModelFolder(pathOrName: string, options: ModelOptions = {}): Promise<ModelFolder> {
  const bundled = await bundledModels()
  const folder = bundled.includes(pathOrName) ? join(BUNDLED_MODELS, pathOrName) : resolve(pathOrName)
  const manifest = loadModelManifest(await readManifest(folder, pathOrName, bundled))
  const precision = options.precision ?? defaultPrecision(manifest, options.device)
  const [tokenizer, model] = await Promise.all([
    readVerified(folder, manifest.tokenizer),
    readVerified(folder, modelFileOf(manifest, precision)),
  ])
  return { folder, manifest, precision, model, tokenizerJson: new TextDecoder().decode(tokenizer) }
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

async function readManifest(folder: string, pathOrName: string, bundled: readonly string[]): Promise<string> {
  try {
    return await readFile(join(folder, 'manifest.json'), 'utf8')
  } catch (cause) {
    throw new ModelError(
      `opening the model "${pathOrName}": expected a bundled model (${bundled.join(', ') || 'none here'}) or a folder with a manifest.json, got neither. Check the spelling or give the folder's path.`,
      { model: pathOrName, bundled: bundled.join(', ') },
      { cause },
    )
  }
}

async function readVerified(folder: string, file: ModelFile): Promise<Uint8Array> {
  let bytes: Uint8Array
  try {
    bytes = await readFile(join(folder, file.file))
  } catch (cause) {
    const missing = (cause as NodeJS.ErrnoException).code === 'ENOENT'
    const got = missing ? 'no such file' : (cause as Error).message
    const cure = missing
      ? "Name a folder that has all of the model's files with --model; of a bundled model, the npm package has only the file for CPUs and the project's repository has the others (models/)."
      : 'Copy the model folder again.'
    throw new ModelError(
      `opening the model "${basename(folder)}": expected the file "${file.file}" that its manifest names, got ${got}. ${cure}`,
      { file: file.file },
      { cause },
    )
  }
  const got = createHash('sha256').update(bytes).digest('hex')
  if (bytes.length !== file.bytes || got !== file.sha256) {
    throw new ModelError(
      `opening the model "${basename(folder)}": expected "${file.file}" to have ${file.bytes} bytes with SHA-256 ${file.sha256}, got ${bytes.length} bytes with ${got}. Copy the model folder again.`,
      { file: file.file, expected: file.sha256, got },
    )
  }
  return bytes
}
