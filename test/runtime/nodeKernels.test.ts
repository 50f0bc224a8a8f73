/** Kernels that are not where the package has them, as after bundling. */
import { expect, it } from 'vitest'
import { compileKernels } from '../../runtime/platform/node/nodeKernels.ts'

it('kernels that a bundler left behind are told with the file that is looked for and what to do', async () => {
  await expect(compileKernels('kernels.wasm', 'file:///app/server/dist/bundle.js')).rejects.toMatchObject({
    code: 'STORAGE',
    message: expect.stringMatching(/expected the file "\/assembly\/build\/kernels\.wasm".*--external:tartan-search/),
  })
})
