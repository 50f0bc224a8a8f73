#!/usr/bin/env node
// The command's launcher: plain JavaScript, so that an old Node gets a sentence instead of a syntax error.
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
if (!globalThis.Bun && !globalThis.Deno && (major < 22 || (major === 22 && minor < 18))) {
  console.error(`tartan needs Node 22.18 or newer, this is ${process.version}.`)
  console.error('In a checkout, `npm ci` brings its own Node: call `npx tartan` or an npm script instead.')
  process.exit(1)
}
const main = import.meta.url.endsWith('/dist/builder/cli/tartan.js') ? './main.js' : './main.ts'
const { runCli } = await import(main)
process.exitCode = await runCli(process.argv.slice(2))
