/** The command `tartan`: one file a command, wired here. */
import { Command, CommanderError } from 'commander'
import { VERSION } from '../runtime/version.ts'
import { COMMANDS, type CommandEntry } from './commandList.ts'
import { EXIT_OK, EXIT_USAGE, reportError } from './terminal.ts'

/** Commands that leave something behind, or have something to close, when they are stopped. */
const STOPPABLE: ReadonlySet<string> = new Set(['build', 'encode', 'eval', 'serve', 'pack', 'tune'])

/**
 * @param argv - without the program's own name
 * @returns the exit code
 */
export async function runCli(argv: readonly string[]): Promise<number> {
  const program = new Command('tartan')
    .description('ColBERT search from static files: build an index once, search it anywhere JavaScript runs.')
    .version(VERSION, '-V, --version')
    .showHelpAfterError('(see --help)')
    .exitOverride()
    .addHelpText(
      'after',
      `
Examples:
  tartan build corpus.jsonl --out corpus.tartan     build an index with the bundled model
  tartan serve corpus.tartan                        search page and HTTP API on http://127.0.0.1:8080
  tartan search corpus.tartan "thin film boundary"  ten best passages on the terminal
  tartan deploy-plan corpus.tartan                  which hosts it fits, and what it costs there

Exit codes: 0 done, 1 something was wrong with the input, 2 wrong command line, 70 a bug, 130 stopped with Ctrl-C`,
    )
  // These stop in order at the first Ctrl-C; a second one, and the first of any other command, ends the process at once.
  const abort = new AbortController()
  const onSignal = () => abort.abort()
  program.hook('preAction', (_program, command) => {
    if (STOPPABLE.has(command.name())) process.once('SIGINT', onSignal).once('SIGTERM', onSignal)
  })
  const called = argv.find((word) => !word.startsWith('-') && word !== 'help')
  for (const entry of COMMANDS) program.addCommand(await commandOf(entry, entry.name === called, abort.signal))
  try {
    await program.parseAsync([...argv], { from: 'user' })
    return EXIT_OK
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT_OK : EXIT_USAGE
    return reportError(error, argv.includes('--json'))
  } finally {
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal)
  }
}

/** A command with all its options, or, when another one is called, what the list of commands says of it. */
async function commandOf(entry: CommandEntry, isCalled: boolean, signal: AbortSignal): Promise<Command> {
  const command = isCalled ? (await entry.load())(signal) : listed(entry)
  return command
    .description(entry.description)
    .exitOverride()
    .showHelpAfterError(`(see tartan ${entry.name} --help)`)
    .configureOutput({ outputError: (message, write) => write(withCure(message, entry)) })
}

const listed = ({ name, words }: CommandEntry) => new Command(name).arguments(words.replace(/ --.*/, ''))

/** What the parser says of words that are missing or too many is right, but not what to type instead. */
function withCure(message: string, { name, words }: CommandEntry): string {
  if (/too many arguments/.test(message))
    return `${message.trimEnd()} A name with blanks in it goes in quotes. Expected: tartan ${name} ${words}\n`
  if (/missing required argument|required option/.test(message))
    return `${message.trimEnd()}. Expected: tartan ${name} ${words}\n`
  return message
}
