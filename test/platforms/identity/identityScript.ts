/** Run by Node, Deno and Bun: answers of one thread and of a pool on the packs named as arguments, as JSON. */
import process from 'node:process'
import { openIndex } from '../../../runtime/platform/node/nodeIndex.ts'
import { openPool } from '../../../runtime/platform/node/threads/nodePool.ts'
import { identityAnswers } from './identityRun.ts'

const results: Record<string, readonly string[]> = {}
for (const path of process.argv.slice(2)) {
  const single = await openIndex(path)
  results[path] = await identityAnswers(single)
  await single.close()
  const pool = await openPool(path, { workers: 2 })
  results[`${path} pool`] = await identityAnswers(pool)
  await pool.close()
}
process.stdout.write(JSON.stringify(results), () => process.exit(0))
