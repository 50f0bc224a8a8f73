#!/usr/bin/env node
// The command's launcher: plain JavaScript, so that an old Node gets a sentence instead of a syntax error.
import { existsSync } from 'node:fs'

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
if (!globalThis.Bun && !globalThis.Deno && (major < 22 || (major === 22 && minor < 18))) {
  console.error(`tartan needs Node 22.18 or newer, this is ${process.version}.`)
  console.error('In a checkout, `npm ci` brings its own Node: call `npx tartan-search` or an npm script instead.')
  process.exit(1)
}
// Who reads the output may stop early, as `head` does: then nobody wants the rest. Progress that nobody reads stops no build.
process.stdout.on('error', (error) => {
  if (error.code !== 'EPIPE') throw error
  process.exit()
})
process.stderr.on('error', () => undefined)
// The published package has main.js beside this file, a checkout has main.ts.
const isPublished = existsSync(new URL('./main.js', import.meta.url))
const { runCli } = isPublished ? await import('./main.js') : await import('./main.ts')
process.exitCode = await runCli(process.argv.slice(2))
