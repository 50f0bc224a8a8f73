/** Searches an index on a static host, from Deno Deploy or any Deno: `deno serve`. */
import process from 'node:process'
import { createLazyEncoder, openIndexFiles } from 'tartan-search'
import { createApp, createHandler } from 'tartan-search/http'
import { compileKernels, compileOnnxWeb } from 'tartan-search/node'
import { httpFiles } from 'tartan-search/readers'
import { openWebEncoder } from 'tartan-search/web-encoder'

/** Serves the folders corpus.tartan and models/tartan-small. */
const storage = process.env.STORAGE_URL?.replace(/\/+$/, '')
if (!storage)
  throw new Error('STORAGE_URL is not set: the address of the host of corpus.tartan, such as https://files.example.org')

const fetch = createHandler({
  async open() {
    const searcher = await openIndexFiles(httpFiles(`${storage}/corpus.tartan/`), { kernels: await compileKernels() })
    const encoder = createLazyEncoder({
      index: searcher.info,
      open: async () =>
        openWebEncoder({
          files: httpFiles(`${storage}/models/tartan-small/`),
          ort: { wasm: await compileOnnxWeb() },
          index: searcher.info,
        }),
    })
    return createApp({ indexes: searcher, encoder })
  },
  log: console.error,
})

export default { fetch }
