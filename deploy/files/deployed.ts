/** What the files of every host are made from: names that are safe in addresses, shells and configurations, and shared lines. */
import type { SearchPlan } from '../deployPlan.ts'
import { HOSTS } from '../hosts.ts'

/** File name to text; names may have folders. */
export type DeployFiles = Readonly<Record<string, string>>

export interface Deployed {
  readonly plan: SearchPlan
  readonly encoder: boolean
  /** Of Worker, function, bucket: `tartan-` and the index's own in lower-case letters, digits and hyphens. */
  readonly name: string
  /** Folder of the index where it is deployed, e.g. `scifact.tartan`. */
  readonly folder: string
  /** Path of the index from the folder that is written, for the commands of its README. */
  readonly indexPath: string
  /** HTML of the search page, for hosts whose program brings it along; absent: they have none. */
  readonly page?: string | undefined
  /** Folder of the model where it is deployed, e.g. `models/tartan-small`. */
  readonly modelFolder: string
}

const NAME_LENGTH_MAX = 40

/** Lower-case letters, digits and single hyphens; '' when nothing of them is in the text. */
export function slugOf(text: string): string {
  const words = text.toLowerCase().match(/[a-z0-9]+/g) ?? []
  return words.join('-').slice(0, NAME_LENGTH_MAX).replace(/-$/, '')
}

/** A word of a shell. */
export function quoted(word: string): string {
  return /^[\w./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
}

/** Options of `openIndexFiles` as the plan reckoned with them, one a line. */
export function openingLines({ host, memory, pipelineForced, pipeline }: SearchPlan): readonly string[] {
  const { refreshMs } = HOSTS[host]
  return [
    `memoryMax: ${memory.memoryMax / 1e6}e6,`,
    ...(pipelineForced ? [`pipeline: '${pipeline}',`] : []),
    ...(refreshMs ? ['// An index that was replaced is noticed so soon.', `refreshMs: ${grouped(refreshMs)},`] : []),
  ]
}

/** 60_000. */
function grouped(value: number): string {
  return value.toLocaleString('en-US').replaceAll(',', '_')
}

/** Lines in one text, those that are undefined left out. */
export function lines(...all: readonly (string | undefined)[]): string {
  return `${all.filter((line) => line !== undefined).join('\n')}\n`
}

/** Where the model's files come from when it is the bundled one. */
export function modelSource(modelFolder: string): string {
  return `node_modules/tartan-search/${modelFolder}`
}

/** Name and text of the module that brings the search page: a text, so that no bundler has to be told of it. */
export function pageModule({ page }: Deployed, version: string): DeployFiles {
  if (page === undefined) return {}
  // Of these two JavaScript once ended lines, and JSON does not escape them.
  const text = JSON.stringify(page).replaceAll('\u2028', '\\u2028').replaceAll('\u2029', '\\u2029')
  return { 'page.ts': lines(`/** The search page of tartan-search ${version}. */`, `export const page = ${text}`) }
}

/** How the package comes before there is a published one. */
export const INSTALL_NOTE =
  'Where `tartan-search` is not on npm yet: `npm run build:package` in a checkout of it makes the package in `dist`, and `npm install /path/to/checkout/dist` (or the tarball that `npm pack ./dist` makes) installs that.'

/** The files of a model that are read. */
export const MODEL_FILES = '{manifest.json,tokenizer.json,model_int8.onnx}'
