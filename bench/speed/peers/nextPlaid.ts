/** next-plaid (Rust), through the program of the peers' harness. One index serves both builds of the engine. */
import { runProgram } from '../program.ts'
import { buildCrate, type CrateVariant } from './crate.ts'
import { type PeerEngine, type PreparePeer, type Setting, settingsFor } from './engine.ts'
import { peerIndex } from './peerIndex.ts'
import { readReport, reportPath } from './searchReport.ts'

const CRATE = 'next-plaid-bench'
/** Its defaults (probe 8, full 4096, thr 0.4), and the setting that halves its time at next to no loss on SciFact. */
const EVERY_K = ['', 'full=1024']
/** `full` candidates pass the approximate stage, a quarter of them is rescored. */
const CURVE = [
  'probe=1 full=128',
  'probe=1 full=256',
  'probe=2 full=256',
  'probe=2 full=512',
  'probe=4 full=1024',
  'probe=8 full=2048',
  'probe=16 full=8192 thr=none',
]

export function nextPlaid(variant: CrateVariant, curve: readonly string[] = CURVE): PreparePeer {
  return async (context, nbits, ks): Promise<PeerEngine> => {
    const { binary, version } = await buildCrate(context, CRATE, 'next-plaid', variant)
    const index = await peerIndex(context, `next-plaid-${version}-${nbits}bit`, (path) =>
      runProgram(binary, ['build', context.vectors.folder, path, String(nbits)]),
    )
    const queries = context.vectors.queries.length
    const run = async (setting: Setting) => {
      const out = await reportPath(context, `next-plaid-${variant}-${nbits}bit`, setting)
      const asked = [`k=${setting.k}`, ...setting.text.split(' ').filter(Boolean)]
      const words = [...asked, `limit=${queries}`, `warm=${context.warm}`, 'reps=1']
      const { stderr } = await runProgram(binary, ['search', context.vectors.folder, index.path, out, ...words], {
        cpu: context.cpu,
        env: { RAYON_NUM_THREADS: '1', NEXT_PLAID_REPORT_KERNEL: '1' },
      })
      const report = await readReport(out)
      return { ...report, facts: { ...report.facts, kernel: stderr.split('\n')[0] ?? '' } }
    }
    // The native build has the same curve: only the settings with a claim are timed.
    const settings = settingsFor(ks, EVERY_K, variant === 'portable' ? curve : [])
    const name = variant === 'portable' ? 'next-plaid' : 'next-plaid native'
    return { name: `${name} ${nbits}-bit`, version, cost: index.cost, settings, queries, run }
  }
}
