/** Run by Node, Deno and Bun: asks the index that is the first argument, with the model that is the second in WebAssembly, and natively. */
import process from 'node:process'
import { openWebEncoder } from '../../../runtime/encoders/webEncoder.ts'
import { compileOnnxWeb, folderFiles, openTextSearch } from '../../../runtime/platform/node.ts'
import { askAll } from './askRun.ts'

const [path = '', model = ''] = process.argv.slice(2)
const inWasm = await openTextSearch(path, {
  encoder: async (index) => openWebEncoder({ files: folderFiles(model), ort: { wasm: await compileOnnxWeb() }, index }),
})
const natively = await openTextSearch(path)
const { hits } = await natively.ask('brain scans of infants', { k: 1 })
const report = { inWasm: await askAll(inWasm), natively: hits[0]?.title }
await inWasm.close()
await natively.close()
process.stdout.write(JSON.stringify(report), () => process.exit(0))
