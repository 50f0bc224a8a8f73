/** Peers from PyPI: an environment given, or one in the work folder, made when asked for. */
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { InputError } from '../../../format/errors.ts'
import { progress } from '../../harness/commandLine.ts'
import { runProgram } from '../program.ts'
import type { PeerContext } from './engine.ts'

/** Versions that the reference results were taken with. */
const REQUIREMENTS = ['numpy', 'torch==2.11.0', 'fast-plaid==1.7.0.2110', 'maxsim-cpu==0.1.0', 'numkong==7.8.6']

const VERSION_OF = 'import importlib.metadata as m, sys; print(m.version(sys.argv[1]))'

/** One thread in every library, and no compiled files beside scripts that are not ours. */
export const ONE_THREAD = {
  OMP_NUM_THREADS: '1',
  MKL_NUM_THREADS: '1',
  OPENBLAS_NUM_THREADS: '1',
  RAYON_NUM_THREADS: '1',
  PYTHONDONTWRITEBYTECODE: '1',
} as const

/** @throws InputError, with the cure, when there is no environment or the package is not in it */
export async function packageVersion({ python, install, work }: PeerContext, name: string): Promise<string> {
  const isThere = await stat(python).catch(() => undefined)
  if (!isThere && !install) {
    throw new InputError(
      `${name} needs Python with torch (about 5 GB on disk), and "${python}" is not there: add --install, or give --python.`,
    )
  }
  if (!isThere) await makeEnvironment(work)
  const { stdout } = await runProgram(python, ['-c', VERSION_OF, name]).catch((cause: Error) => {
    throw new InputError(`${name} is not installed in "${python}"`, {}, { cause })
  })
  return stdout.trim()
}

export function defaultPython(work: string): string {
  return join(work, 'venv', 'bin', 'python')
}

async function makeEnvironment(work: string): Promise<void> {
  progress(`pip install ${REQUIREMENTS.join(' ')}`)
  await runProgram('python3', ['-m', 'venv', join(work, 'venv')])
  await runProgram(join(work, 'venv', 'bin', 'pip'), ['install', '-q', ...REQUIREMENTS])
}
