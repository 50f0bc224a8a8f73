import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Models, browsers and packages are started for real; two cores are shared by all files.
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
})
