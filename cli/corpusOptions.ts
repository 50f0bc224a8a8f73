/** The options that say what a corpus is and how it is read: those of `build` and of `encode`. */
import { type Command, Option } from 'commander'
import type { CorpusOptions } from '../builder/corpus/corpus.ts'
import type { CorpusFormat } from '../builder/corpus/formats.ts'
import { formatOption, integer } from './options.ts'

export interface CorpusArguments {
  readonly limit?: number
  readonly format?: CorpusFormat
  readonly idColumn?: string
  readonly titleColumn?: string
  readonly textColumn?: readonly string[]
  readonly numberIds?: boolean
  readonly followLinks?: boolean
}

/** Adds the options; a second corpus is refused with a word on how to join them. */
export function addCorpusOptions(command: Command): Command {
  return command
    .addOption(formatOption())
    .addOption(new Option('--limit <n>', 'only the first n passages').argParser(integer(1, Number.MAX_SAFE_INTEGER)))
    .addOption(
      new Option(
        '--id-column <name>',
        'column of a table, or field of JSONL, with the ids (default: _id, id, pid, docid …)',
      ),
    )
    .addOption(
      new Option(
        '--text-column <name>',
        'the same for the texts; given more than once, they are joined (default: text, passage, content, body …)',
      ).argParser((name: string, before: readonly string[] = []) => [...before, name]),
    )
    .addOption(new Option('--title-column <name>', 'the same for the titles (default: title, name …)'))
    .option('--number-ids', 'take the numbers of the lines as ids, for a table without any')
    .option('--follow-links', 'follow symbolic links that leave the folder, to folders too')
    .allowExcessArguments()
    .hook('preAction', (_, { args }) => {
      if (args.length > 1) command.error(excessMessage(command.name(), args))
    })
}

function excessMessage(name: string, args: readonly string[]): string {
  const files = args.map((arg) => (/^[\w./+-]+$/.test(arg) ? arg : `'${arg}'`)).join(' ')
  const format = /\.(tsv|csv|jsonl)(?:\.gz)?$/i.exec(args[0] ?? '')?.[1]?.toLowerCase() ?? 'tsv'
  const header = format === 'jsonl' ? '' : ' (with header lines, keep the first one only)'
  return (
    `error: too many arguments: ${name} reads one corpus, got ${args.length}: ${files}. ` +
    `Join files: cat ${files} | tartan ${name} - --format ${format} …${header}; pages go into one folder.`
  )
}

export function readerOptions(options: CorpusArguments): CorpusOptions {
  const { limit, format, idColumn, titleColumn, textColumn: textColumns, numberIds, followLinks } = options
  return { limit, format, idColumn, titleColumn, textColumns, numberIds, followLinks }
}
