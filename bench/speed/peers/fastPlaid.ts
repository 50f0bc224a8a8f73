/** fast-plaid (PyPI, CPU), through the script of the peers' harness. About half a second a query: few queries are timed. */
import { join } from 'node:path'
import { runProgram } from '../program.ts'
import { type PeerEngine, type PreparePeer, type Setting, settingsFor, valuesOf } from './engine.ts'
import { peerIndex } from './peerIndex.ts'
import { ONE_THREAD, packageVersion } from './python.ts'
import { readReport, reportPath } from './searchReport.ts'

const SCRIPT = 'bench_fast_plaid.py'
const BUILD_THREADS = 2
const WARM = 3

export const prepareFastPlaid: PreparePeer = async (context, nbits, ks): Promise<PeerEngine> => {
  const { python, vectors, cpu } = context
  const version = await packageVersion(context, 'fast-plaid')
  const script = join(context.peers, SCRIPT)
  const index = await peerIndex(context, `fast-plaid-${version}-${nbits}bit`, (path) =>
    runProgram(
      python,
      [script, 'build', vectors.folder, path, String(nbits), '--threads', String(BUILD_THREADS)],
      // CUDA hidden: this bench compares processors.
      { env: { CUDA_VISIBLE_DEVICES: '', PYTHONDONTWRITEBYTECODE: '1' } },
    ),
  )
  const queries = Math.min(context.slowQueries, vectors.queries.length)
  const run = async (setting: Setting) => {
    const out = await reportPath(context, `fast-plaid-${nbits}bit`, setting)
    const asked = [...valuesOf(setting.text)].flatMap(([name, value]) => [`--${name}`, value])
    const words = ['--k', String(setting.k), '--limit', String(queries), '--warm', String(WARM), ...asked]
    await runProgram(python, [script, 'search', vectors.folder, index.path, out, ...words], {
      cpu,
      env: { ...ONE_THREAD, CUDA_VISIBLE_DEVICES: '' },
    })
    return readReport(out)
  }
  return {
    name: `fast-plaid ${nbits}-bit`,
    version,
    cost: index.cost,
    settings: settingsFor(ks.slice(0, 1), [''], []),
    queries,
    run,
  }
}
