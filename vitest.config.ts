import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

// Tests start Node some two hundred times. What one process compiled, the next one takes, by the content of the file: it starts in half the time.
process.env.NODE_COMPILE_CACHE ??= fileURLToPath(new URL('.cache/compiled', import.meta.url))

/**
 * These call sources and leave nothing behind in a process: one process takes many of them. All but one, which adds a section to the
 * table that all share.
 */
const SHARING = [
  'test/{architecture,tidy}.test.ts',
  'test/{builder,contracts,deploy,format,http,kernels,onnx,search}/**/!(newSection).test.ts',
]

export default defineConfig({
  test: {
    // Vitest alone would leave a core idle: of two, half of the machine.
    maxWorkers: availableParallelism(),
    // Models, browsers and packages are started for real; all cores are shared by all files.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    projects: [
      { extends: true, test: { name: 'sharing', include: SHARING, isolate: false } },
      { extends: true, test: { name: 'alone', include: ['test/**/*.test.ts'], exclude: SHARING } },
    ],
  },
})
