/** Run by Node, Deno and Bun: encodes the queries of the task that is its argument (JSON), and prints the report as JSON. */
import process from 'node:process'
import { compileOnnxWeb } from '../../runtime/platform/node/nodeOnnxWeb.ts'
import { type EncodeTask, encodeAll } from './encoderRun.ts'

const task = JSON.parse(process.argv[2] ?? '') as EncodeTask
const report = await encodeAll(task, { ortWasm: compileOnnxWeb })
process.stdout.write(JSON.stringify(report), () => process.exit(0))
