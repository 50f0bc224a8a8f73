/** Command-line values to typed ones: each wrong value is a usage error that says what is allowed. */
import { InvalidArgumentError, Option } from 'commander'
import { NCELLS_MAX, NDOCS_MAX } from '../format/limits.ts'
import { TIER_NAMES } from '../format/manifest/tiers.ts'

/** A parser for integers in [min, max]. */
export function integer(min: number, max: number): (value: string) => number {
  return (value) => {
    const number = Number(value)
    if (value.trim() === '' || !Number.isInteger(number) || number < min || number > max) {
      throw new InvalidArgumentError(
        `Expected a whole number from ${min.toLocaleString('en-US')} to ${max.toLocaleString('en-US')}.`,
      )
    }
    return number
  }
}

/** A parser for numbers in [min, max]. */
export function decimal(min: number, max: number): (value: string) => number {
  return (value) => {
    const number = Number(value)
    if (value.trim() === '' || !(number >= min && number <= max)) {
      throw new InvalidArgumentError(`Expected a number from ${min} to ${max}.`)
    }
    return number
  }
}

/** A parser for texts of 1 to `charactersMax` characters. */
export function textOf(charactersMax: number): (value: string) => string {
  return (value) => {
    if (value.length < 1 || value.length > charactersMax) {
      throw new InvalidArgumentError(`Expected 1 to ${charactersMax} characters, got ${value.length}.`)
    }
    return value
  }
}

/** `24MiB`, `100k`, `4096` → bytes. */
export function byteSize(value: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([kmg]?)(?:i?b)?$/i.exec(value.trim())
  const power = ['', 'k', 'm', 'g'].indexOf(match?.[2]?.toLowerCase() ?? 'x')
  const bytes = Math.round(Number(match?.[1]) * 1024 ** power)
  if (power < 0 || !(bytes >= 1 << 17 && bytes <= 2 ** 31)) {
    throw new InvalidArgumentError('Expected a size from 128KiB to 2GiB, such as 24MiB.')
  }
  return bytes
}

export const jsonOption = () => new Option('--json', 'print one JSON object on stdout, for scripts')
export const quietOption = () => new Option('-q, --quiet', 'no progress on stderr')
export const modelOption = (text = 'encoder: a bundled model or a model folder') =>
  new Option('-m, --model <name|folder>', text).default('tartan-small')
export const deviceOption = () =>
  new Option('--device <device>', 'where ONNX models run; never chosen silently')
    .choices(['cpu', 'webgpu', 'cuda'])
    .default('cpu')
export const threadsOption = () =>
  new Option('--threads <n>', 'threads of ONNX Runtime (default: all cores)').argParser(integer(1, 1024))
export const formatOption = () =>
  new Option('--format <format>', 'format of the corpus when its name does not tell (standard input)').choices([
    'tsv',
    'jsonl',
    'csv',
  ])

export const splitOption = () =>
  new Option(
    '--split',
    'cut passages of JSONL, TSV and CSV that are longer than the model reads into several: id, id~2, …',
  )
export const skipBadOption = () =>
  new Option('--skip-bad', 'leave out passages that are wrong, and say which, instead of stopping')

export const tierOption = (text = 'a measured setting of the index (default: balanced when it has tiers)') =>
  new Option('--tier <name>', text).choices(TIER_NAMES)

export const pipelineOption = (text: string) =>
  new Option(
    '--pipeline <name>',
    `resident: the whole index in memory; range: what each query needs (${text})`,
  ).choices(['resident', 'range'])

/** PLAID's search parameters, shared by `search` and `eval`. */
export const searchParameterOptions = () => [
  tierOption(),
  new Option(
    '--ncells <n>',
    "cells probed for each query token; as many as there are: every passage (default: the tier's, else by k)",
  ).argParser(integer(1, NCELLS_MAX)),
  new Option('--centroid-score-threshold <t>', 'prune centroids below this score (default: as above)').argParser(
    decimal(-1, 1),
  ),
  new Option('--ndocs <n>', 'candidates kept before rescoring (default: as above)').argParser(integer(1, NDOCS_MAX)),
]
