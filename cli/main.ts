/** The command `tartan`: one file a command, wired here. */
import { Command, CommanderError } from 'commander'
import { VERSION } from '../runtime/version.ts'
import { buildCommand } from './commands/build.ts'
import { deployPlanCommand } from './commands/deployPlan.ts'
import { encodeCommand } from './commands/encode.ts'
import { evalCommand } from './commands/eval.ts'
import { inspectCommand } from './commands/inspect.ts'
import { packCommand } from './commands/pack.ts'
import { searchCommand } from './commands/search.ts'
import { serveCommand } from './commands/serve.ts'
import { tuneCommand } from './commands/tune.ts'
import { verifyCommand } from './commands/verify.ts'
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
  const commands = [
    buildCommand,
    searchCommand,
    serveCommand,
    evalCommand,
    encodeCommand,
    inspectCommand,
    verifyCommand,
    packCommand,
    tuneCommand,
    deployPlanCommand,
  ]
  for (const command of commands)
    program.addCommand(command(abort.signal).exitOverride().showHelpAfterError('(see --help)'))
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
