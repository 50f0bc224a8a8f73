/** `tartan pack`: a whole index in one file. */
import { createWriteStream } from 'node:fs'
import { rename, rm, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { Command } from 'commander'
import { writeFailure } from '../../builder/publish/indexFolder.ts'
import { sweepLeftovers } from '../../builder/publish/leftovers.ts'
import { stagedPath } from '../../builder/publish/owner.ts'
import { AbortedError, InputError } from '../../format/errors.ts'
import { readIndex } from '../../format/indexReader.ts'
import { encodePack } from '../../format/pack.ts'
import { verifyIndex } from '../../format/verify.ts'
import { filesAtPath } from '../../runtime/platform/node/nodeFiles.ts'
import { jsonOption } from '../options.ts'
import { formatBytes, reportLeftover } from '../terminal.ts'

interface Options {
  readonly out: string
  readonly force?: boolean
  readonly json?: boolean
}

export function packCommand(signal: AbortSignal): Command {
  return new Command('pack')
    .argument('<index>', 'index folder')
    .requiredOption('-o, --out <file>', 'file to write')
    .option('-f, --force', 'replace the file if it exists')
    .addOption(jsonOption())
    .addHelpText('after', '\nExample:\n  tartan pack corpus.tartan --out corpus.pack.tartan')
    .action((index: string, options: Options) => pack(index, options, signal))
}

async function pack(index: string, { out, force, json }: Options, signal: AbortSignal): Promise<void> {
  const existing = await stat(out).catch(() => undefined)
  if (existing?.isDirectory()) throw new InputError(`"${out}" is a folder. A pack is one file: choose another --out.`)
  if (existing && !force)
    throw new InputError(`"${out}" exists already. Add --force to replace it, or choose another --out.`)
  if (existing && !(await isPack(out))) {
    throw new InputError(`"${out}" is no pack, and only a pack is replaced. Choose another --out, or remove the file.`)
  }
  const files = await filesAtPath(index)
  const { manifest } = await readIndex(files)
  const target = resolve(out)
  await sweepLeftovers(dirname(target), reportLeftover)
  const temporary = await stagedPath(target)
  try {
    await pipeline(Readable.from(encodePack(files, manifest)), createWriteStream(temporary, { flush: true }), {
      signal,
    })
    // Sections are copied as they are: a damaged index would become a damaged pack.
    const packed = await filesAtPath(temporary)
    try {
      await verifyIndex(packed, manifest)
    } finally {
      await packed.close?.()
    }
    await rename(temporary, out)
  } catch (error) {
    await rm(temporary, { force: true })
    if (signal.aborted) throw new AbortedError()
    if ((error as NodeJS.ErrnoException).syscall) throw writeFailure(out)(error as Error)
    throw error
  } finally {
    await files.close?.()
  }
  const { size } = await stat(out)
  process.stdout.write(json ? `${JSON.stringify({ out, bytes: size })}\n` : `${out}: ${formatBytes(size)}\n`)
}

async function isPack(path: string): Promise<boolean> {
  const files = await filesAtPath(path).catch(() => undefined)
  await files?.close?.()
  return files !== undefined
}
