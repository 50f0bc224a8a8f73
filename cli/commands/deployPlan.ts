/** `tartan deploy-plan`: where an index fits and what it costs there; writes the files that deploy it. */
import { resolve } from 'node:path'
import { Command, InvalidArgumentError, Option } from 'commander'
import { deployPlan } from '../../deploy/deployPlan.ts'
import { HOST_NAMES, type HostName, hostNamed } from '../../deploy/hosts.ts'
import { writeDeployFiles } from '../../deploy/writeDeployFiles.ts'
import { InputError } from '../../format/errors.ts'
import { readIndex } from '../../format/indexReader.ts'
import { filesAtPath } from '../../runtime/platform/node/nodeFiles.ts'
import { deployPlanTable } from '../deployPlanTable.ts'
import { integer, jsonOption } from '../options.ts'

interface Options {
  readonly host?: HostName
  readonly encoder?: boolean
  readonly memory?: number
  readonly write?: string
  readonly force?: boolean
  readonly json?: boolean
}

export function deployPlanCommand(): Command {
  return new Command('deploy-plan')
    .argument('<index>', 'index folder or pack, or its address: https://…, s3://bucket/prefix')
    .addOption(
      new Option('--host <name>', `only this host: ${HOST_NAMES.join(', ')} (default: all)`).argParser(chosenHost),
    )
    .addOption(
      new Option(
        '--encoder',
        'texts are encoded on the host itself (default: where the index names its model and both fit)',
      ),
    )
    .addOption(new Option('--no-encoder', 'they are encoded by another server or by the client'))
    .addOption(
      new Option('--memory <MB>', "memory of the host (default: the host's, or the smallest that fits)").argParser(
        integer(1, 1_048_576),
      ),
    )
    .addOption(new Option('--write <folder>', 'write the files that deploy it on --host into a folder'))
    .addOption(new Option('--force', 'overwrite files that are there'))
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
Examples:
  tartan deploy-plan corpus.tartan
  tartan deploy-plan corpus.tartan --host lambda-s3 --encoder --memory 2048
  tartan deploy-plan corpus.tartan --host cloudflare-r2 --write worker`,
    )
    .action(run)
}

/** By its name, or by that of its folder in examples/. */
function chosenHost(name: string): HostName {
  const host = hostNamed(name)
  if (host) return host
  throw new InvalidArgumentError(`Allowed choices are ${HOST_NAMES.join(', ')}.`)
}

async function run(index: string, options: Options): Promise<void> {
  const { host, encoder = 'auto', memory, write, force = false, json } = options
  if (write !== undefined && !host) {
    throw new InputError(`--write: expected --host as well, one of ${HOST_NAMES.join(', ')}.`)
  }
  if (memory !== undefined && !host) {
    throw new InputError(`--memory: expected --host as well, one of ${HOST_NAMES.join(', ')}.`)
  }
  const reader = await readIndex(await filesAtPath(index))
  await reader.close()
  const plan = deployPlan(reader.manifest, {
    encoder,
    ...(host ? { hosts: [host] } : {}),
    ...(memory === undefined ? {} : { memoryMb: memory }),
  })
  const files = write === undefined ? [] : await writeDeployFiles(write, { plan, indexPath: index, force })
  if (json) {
    process.stdout.write(`${JSON.stringify({ ...plan, ...(write === undefined ? {} : { files }) })}\n`)
    return
  }
  process.stdout.write(deployPlanTable(plan))
  if (write !== undefined)
    process.stdout.write(`\nWritten to ${resolve(write)}: ${files.join(', ')}. README.md says how to go on.\n`)
}
