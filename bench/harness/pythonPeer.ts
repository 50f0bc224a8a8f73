/** A Python process that runs recorded batches on demand: one line asks for a round, one line answers. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { InputError } from '../../format/errors.ts'
import { rootPath } from './commandLine.ts'

export interface PythonPeer {
  /** Versions of Python, onnxruntime and numpy. */
  readonly versions: Readonly<Record<string, string>>
  /** Runs all batches once; seconds of each. */
  round(): Promise<readonly number[]>
  close(): void
}

export interface PythonPeerOptions {
  /** The interpreter, of an environment with numpy and onnxruntime. */
  readonly python: string
  readonly model: string
  readonly batches: string
  readonly threads: number
  /** Where it leaves the output of the first batch, f32. */
  readonly firstOutput: string
}

/** @throws InputError when the interpreter is not there or lacks a package; it says what to install */
export async function openPythonPeer(options: PythonPeerOptions): Promise<PythonPeer> {
  const { python, model, batches, threads, firstOutput } = options
  const script = rootPath('bench', 'encodePython.py')
  const child = spawn(python, [script, model, batches, String(threads), firstOutput])
  let complaint = ''
  child.stderr.on('data', (bytes: Buffer) => {
    complaint += bytes.toString()
  })
  const lines = linesOf(child, () => complaint)
  const ready = await lines.next().catch((cause: Error) => {
    throw new InputError(
      `the peer of this bench needs Python with numpy and onnxruntime; "${python}" could not run it: ${cause.message.trim().split('\n').at(-1)}. Make one with \`python3 -m venv DIR && DIR/bin/pip install numpy onnxruntime\` and give --python DIR/bin/python (best of the version that node_modules/onnxruntime-node has), or leave the peer out with --python none.`,
      {},
      { cause },
    )
  })
  return {
    versions: JSON.parse(ready) as Record<string, string>,
    async round() {
      child.stdin.write('round\n')
      return JSON.parse(await lines.next()) as number[]
    },
    close: () => child.stdin.end(),
  }
}

/** The next line of the process's output, or a rejection when it ends first. */
function linesOf(child: ChildProcessWithoutNullStreams, complaint: () => string): { next(): Promise<string> } {
  const ended = new Promise<never>((_, reject) => {
    child.once('error', reject)
    child.once('close', (code) => reject(new Error(complaint() || `it ended with code ${code}`)))
  })
  // Nobody waits for it between rounds, and ending after the last one is no failure.
  ended.catch(() => undefined)
  const iterator = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  return {
    next: () => Promise.race([iterator.next().then(({ value, done }) => (done ? ended : (value as string))), ended]),
  }
}
