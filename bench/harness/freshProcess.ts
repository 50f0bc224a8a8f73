/** Runs one piece of work in a Node process of its own, for figures that a shared process blurs: peak memory, first calls. */
import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/**
 * @param module - a script that calls `answerParent`
 * @param task - structured-clonable
 * @throws Error when the process ends without an answer; what it printed is on stderr
 */
export function runFresh<Answer>(module: URL, task: unknown): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const child = fork(fileURLToPath(module), { serialization: 'advanced', stdio: ['ignore', 2, 2, 'ipc'] })
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
