/** What every bench script does around its work: options, progress on stderr, errors as sentences, the reference data's place. */
import { stat } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { type ParseArgsConfig, parseArgs } from 'node:util'
import { InputError, TartanError } from '../../format/errors.ts'
import type { Nbits } from '../../format/manifest/segment.ts'
import { ROOT } from '../../lab/root.ts'

/** An option whose text is checked and read: its default as text, and how. */
export interface Option<Value> {
  readonly text: string
  /** @throws InputError that names the option and what it expects */
  readonly read: (text: string, name: string) => Value
}

/**
 * Name of an option to what it takes: an `Option`, or the default of one whose text is taken as it is; '' means "absent
 * unless given". One with `false` is a switch and takes no value.
 */
export type Options = Readonly<Record<string, string | false | Option<unknown>>>
export type OptionValues<Taken extends Options> = {
  readonly [Name in keyof Taken]: Taken[Name] extends Option<infer Value>
    ? Value
    : Taken[Name] extends false
      ? boolean
      : string
}

/** A path below the repository's root. */
export function rootPath(...parts: readonly string[]): string {
  return join(ROOT, ...parts)
}

/** A path in the benches' cache, which git ignores. */
export function cachePath(...parts: readonly string[]): string {
  return rootPath('.cache', 'bench', ...parts)
}

/**
 * Runs a bench: reads its options, prints errors made on purpose as one sentence and everything else in full.
 * @param usage - the script's command line, shown when an option is wrong
 */
export async function runBench<Taken extends Options>(
  usage: string,
  taken: Taken,
  work: (options: OptionValues<Taken>, positionals: readonly string[]) => Promise<void>,
): Promise<void> {
  const configs = Object.fromEntries(
    Object.entries(taken).map(([name, option]) => [
      name,
      option === false
        ? { type: 'boolean' as const, default: false }
        : { type: 'string' as const, default: typeof option === 'string' ? option : option.text },
    ]),
  )
  if (process.argv.includes('--help')) {
    process.stdout.write(`Usage: ${usage}\nbench/README.md says what it measures and what its keys mean.\n`)
    return
  }
  try {
    const { values, positionals } = parseOptions(usage, configs)
    const read = Object.entries(taken).map(([name, option]) => [
      name,
      typeof option === 'object' ? option.read(String(values[name]), name) : values[name],
    ])
    await work(Object.fromEntries(read) as OptionValues<Taken>, positionals)
  } catch (error) {
    process.exitCode = 1
    process.stderr.write(`${error instanceof TartanError ? error.message : (error as Error).stack}\n`)
  }
}

function parseOptions(usage: string, options: NonNullable<ParseArgsConfig['options']>) {
  try {
    return parseArgs({ options, allowPositionals: true })
  } catch (cause) {
    throw new InputError(`${(cause as Error).message}\nUsage: ${usage}`, {}, { cause })
  }
}

/** @throws InputError when `text` is not a whole number in [min, max] */
export function integerOption(
  name: string,
  text: string,
  range: { readonly min: number; readonly max: number },
): number {
  const value = Number(text)
  if (text === '' || !Number.isInteger(value) || value < range.min || value > range.max) {
    throw new InputError(`--${name}: expected a whole number in [${range.min}, ${range.max}], got "${text}".`)
  }
  return value
}

/** @throws InputError when `text` is not a list such as "4,2,1" of 1, 2 and 4 */
export function nbitsOption(text: string): readonly Nbits[] {
  return text.split(',').map((item) => {
    const value = Number(item)
    if (value !== 1 && value !== 2 && value !== 4) throw new InputError(`--nbits: expected 1, 2 or 4, got "${item}".`)
    return value
  })
}

/** A whole number in [`min`, `max`]; `min` is 1 unless given. */
export function integer(usual: number, max: number, min = 1): Option<number> {
  return { text: String(usual), read: (text, name) => integerOption(name, text, { min, max }) }
}

/** A whole number in [1, `max`], or nothing. */
export function optionalInteger(max = 1e9): Option<number | undefined> {
  return { text: '', read: (text, name) => (text ? integerOption(name, text, { min: 1, max }) : undefined) }
}

/** A list such as "1,4,16" of whole numbers in [1, `max`]. */
export function integers(usual: string, max: number): Option<readonly number[]> {
  return {
    text: usual,
    read: (text, name) => text.split(',').map((item) => integerOption(name, item, { min: 1, max })),
  }
}

/** Bits a residual value takes. */
export function oneNbits(usual: Nbits): Option<Nbits> {
  return { text: String(usual), read: (text) => nbitsOption(text)[0]! }
}

/** A list such as "4,2,1" of them. */
export function someNbits(usual: string): Option<readonly Nbits[]> {
  return { text: usual, read: nbitsOption }
}

/** Name of the data set in results: what was asked for, else the vectors folder's own name. */
export function labelOf(folder: string, label: string): string {
  return label || basename(resolve(folder))
}

/** A vectors folder, or what else a bench cannot do without. */
export const REQUIRED_FOLDER: Option<string> = {
  text: '',
  read(folder, name) {
    if (folder) return resolve(folder)
    throw new InputError(`expected --${name} FOLDER, got none. bench/README.md says how to make one.`)
  },
}

/**
 * The reference data, which is not part of the repository.
 * @param folder - of --shared; '' for the folder "shared" beside the repository
 * @throws InputError when it is not there
 */
export async function sharedFolder(folder: string, ...parts: readonly string[]): Promise<string> {
  const path = join(folder ? resolve(folder) : resolve(ROOT, '..', 'shared'), ...parts)
  if (await stat(path).catch(() => undefined)) return path
  throw new InputError(
    `this bench needs the reference data at "${path}", and nothing is there. It does not come with the repository: say where it is with --shared FOLDER (bench/README.md lists what is read).`,
  )
}

/** One line of progress; standard output is left for results. */
export function progress(text: string): void {
  process.stderr.write(`${text}\n`)
}

/** Rows of cells as aligned text, first row the heading. */
export function textTable(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)))
  return rows.map((row) => row.map((cell, column) => cell.padStart(widths[column] ?? 0)).join('  ')).join('\n')
}
