/** Runs one piece of work in a Node process of its own, for figures that a shared process blurs: peak memory, first calls. */
import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'

export interface FreshOptions {
  /** Every thread of the process stays on this core (Linux). Default: where the system puts them. */
  readonly cpu?: number
  /** Options of Node itself, e.g. to limit its heap. */
  readonly node?: readonly string[]
}

/**
 * @param module - a script that calls `answerParent`
 * @param task - structured-clonable
 * @throws Error when the process ends without an answer; what it printed is on stderr
 */
export function runFresh<Answer>(module: URL, task: unknown, { cpu, node = [] }: FreshOptions = {}): Promise<Answer> {
  // taskset replaces itself by Node, which thus inherits the channel to this process.
  const pinned =
    cpu === undefined
      ? { execArgv: [...node] }
      : { execPath: 'taskset', execArgv: ['-c', String(cpu), process.execPath, ...node] }
  return new Promise((resolve, reject) => {
    const child = fork(fileURLToPath(module), { serialization: 'advanced', stdio: ['ignore', 2, 2, 'ipc'], ...pinned })
    child.once('message', (answer) => resolve(answer as Answer))
    child.once('error', reject)
    child.once('exit', (code) => reject(new Error(`${module.pathname} ended with code ${code} and no answer`)))
    child.send(task as object)
  })
}

/** The child's side: takes one task, answers, ends. */
export function answerParent<Task, Answer>(work: (task: Task) => Promise<Answer>): void {
  process.once('message', async (task) => {
    const answer = await work(task as Task)
    process.send?.(answer, () => process.disconnect())
  })
}

/** Largest resident set of this process so far, MB (10^6 bytes). */
export function peakRssMb(): number {
  return (process.resourceUsage().maxRSS * 1024) / 1e6
}
