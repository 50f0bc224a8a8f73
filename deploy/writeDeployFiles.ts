/** Writes what deploys an index on a host: all files or none, and nothing over what is there unless that is wanted. */
import { mkdir, stat, writeFile } from 'node:fs/promises'
import { basename, join, relative, resolve } from 'node:path'
import { InputError, StorageError } from '../format/errors.ts'
import { readPage } from '../runtime/platform/node.ts'
import { VERSION } from '../runtime/version.ts'
import type { DeployPlan } from './deployPlan.ts'
import { browserFiles } from './files/browserFiles.ts'
import { cloudflareFiles } from './files/cloudflareFiles.ts'
import { denoFiles } from './files/denoFiles.ts'
import { type Deployed, type DeployFiles, slugOf } from './files/deployed.ts'
import { lambdaFiles } from './files/lambdaFiles.ts'
import { serverFiles } from './files/serverFiles.ts'
import type { HostName } from './hosts.ts'

export interface WriteDeployOptions {
  /** Of exactly one host, on which the index fits. */
  readonly plan: DeployPlan
  /** The index folder that was planned, for the commands that upload it. */
  readonly indexPath: string
  /** Overwrite files that are there. Default false. */
  readonly force?: boolean
}

const FILES_OF: Readonly<Record<HostName, (deployed: Deployed) => DeployFiles>> = {
  'cloudflare-r2': (deployed) => cloudflareFiles('r2', deployed, VERSION),
  'cloudflare-assets': (deployed) => cloudflareFiles('assets', deployed, VERSION),
  'deno-deploy': (deployed) => denoFiles(deployed, VERSION),
  'lambda-s3': (deployed) => lambdaFiles(deployed, VERSION),
  browser: browserFiles,
  'node-server': serverFiles,
}

/**
 * @returns names of the files, in alphabetical order
 * @throws InputError when the index does not fit, is a pack, or a file is there already: nothing is written then
 * @throws StorageError when writing fails, or the search page is not built
 */
export async function writeDeployFiles(folder: string, options: WriteDeployOptions): Promise<readonly string[]> {
  const page = await readPage()
  const files = deployFiles(folder, { ...options, page })
  const index = await stat(options.indexPath).catch(() => undefined)
  if (!index?.isDirectory()) {
    throw new InputError(
      `"${options.indexPath}" is ${index ? 'a pack' : 'not there'}, and hosts read an index from a folder of files. Name the folder that it was packed from.`,
    )
  }
  const names = Object.keys(files).sort()
  const there: string[] = []
  for (const name of names) {
    if (await stat(join(folder, name)).catch(() => undefined)) there.push(name)
  }
  if (there.length > 0 && !options.force) {
    throw new InputError(
      `"${folder}" has ${there.join(', ')} already; nothing was written. Choose another folder, or overwrite with --force.`,
      { folder },
    )
  }
  try {
    await mkdir(folder, { recursive: true })
    for (const [name, text] of Object.entries(files))
      await writeFile(join(folder, name), text, { flag: options.force ? 'w' : 'wx' })
  } catch (cause) {
    throw new StorageError(`"${folder}" cannot be written to: ${(cause as Error).message}`, { folder }, { cause })
  }
  return names
}

/** The files as texts, for a folder that need not be there. @throws InputError when the plan is none of one host that fits */
export function deployFiles(
  folder: string,
  { plan, indexPath, page }: Pick<WriteDeployOptions, 'plan' | 'indexPath'> & { readonly page?: string },
): DeployFiles {
  const [host, ...others] = plan.hosts
  if (!host || others.length > 0) throw new InputError('files are written for exactly one host: name it with --host.')
  if (!host.fits) {
    throw new InputError(
      `"${plan.index.name}" does not fit ${host.host}, nothing was written: ${host.problems.join(' ')}`,
    )
  }
  if (host.host === 'browser' && plan.index.encoder === undefined) {
    throw new InputError(
      `"${plan.index.name}" does not name its encoder, and a page has no vectors to search with. Build the index from texts.`,
    )
  }
  const path = resolve(indexPath)
  const name = slugOf(plan.index.name) || slugOf(basename(path)) || 'index'
  return FILES_OF[host.host]({
    plan: host,
    encoder: host.encoder,
    page,
    name: `tartan-${name}`,
    folder: `${name}.tartan`,
    indexPath: relative(resolve(folder), path) || '.',
    modelFolder: `models/${slugOf(plan.index.encoder ?? '') || 'model'}`,
  })
}
