/**
 * Tartan and the other late-interaction engines on the same vectors, in the same run, on one core each, taking turns:
 * time, agreement with exact search, memory, opening, size and building. Usage and keys: bench/README.md.
 */
import { mkdir, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { InputError, TartanError } from '../../format/errors.ts'
import { K_MAX } from '../../format/limits.ts'
import {
  cachePath,
  integer,
  integers,
  labelOf,
  optionalInteger,
  progress,
  REQUIRED_FOLDER,
  rootPath,
  runBench,
  sharedFolder,
  someNbits,
} from '../harness/commandLine.ts'
import { exactRankings } from '../harness/exactSearch.ts'
import { factsOf, type JudgedVectors, openJudgedVectors } from '../harness/judgedVectors.ts'
import { type BenchRecord, startRecord, writeResult } from '../harness/record.ts'
import { exactQuality } from '../harness/searchRun.ts'
import { peersFigure } from '../plot/peers.ts'
import type { IndexCost, PeerContext, PeerEngine, PreparePeer } from './peers/engine.ts'
import { prepareFastPlaid } from './peers/fastPlaid.ts'
import { compareKernels, KERNEL_ENGINES } from './peers/kernels.ts'
import { nextPlaid } from './peers/nextPlaid.ts'
import { defaultPython } from './peers/python.ts'
import { type AbsentPeer, runRounds } from './peers/rounds.ts'
import { kernelTable, searchTable } from './peers/table.ts'
import { tartanWith } from './peers/tartan.ts'
import { runProgram } from './program.ts'

const USAGE =
  'npm run -s bench:peers -- --vectors FOLDER [--engines tartan,next-plaid,…] [--nbits 4,2] [--k 10] [--rounds 3] [--limit N] [--work DIR] [--shared DIR] [--install] [--python PATH] [--cpu N] [--warm 100] [--slow-queries 10] [--kernel-rounds 3] [--tartan "ncells=4 ndocs=1024,…"] [--next-plaid "probe=2 full=512,…"] [--label NAME]'

/** fast-plaid takes some twenty minutes to build and half a second a query: the first of `--nbits` only. */
const FIRST_NBITS_ONLY: ReadonlySet<string> = new Set(['fast-plaid'])
/** Measured in ../shared/peers from files that no registry has. */
const NOT_IN_REGISTRIES: Readonly<Record<string, string>> = {
  'fast-plaid-web': 'its wasm file is in no package registry; reference results in RESULTS.md of the peers',
  'maxsim-web': 'its wasm file is in no package registry; reference results in RESULTS.md of the peers',
}

const UNITS = {
  'ms_*, open_ms, first_ms': 'milliseconds, wall time',
  '*_rss_mb, wasm_mb': '10^6 bytes',
  'cost.bytes': 'bytes on disk, all files',
  'cost.buildS, cost.buildCpuS': 'seconds: wall time; CPU time of all threads',
  'ndcg@10, recall@100, overlap@10': 'share, 0 to 1',
  'ns_*': 'nanoseconds a passage token at 32 query rows',
}

await runBench(
  USAGE,
  {
    ...{ vectors: REQUIRED_FOLDER, engines: '', nbits: someNbits('4,2'), k: integers('10', K_MAX) },
    ...{ limit: optionalInteger(1e6), work: '', shared: '', python: '', cpu: integer(0, 4095, 0) },
    ...{ rounds: integer(3, 100_000), warm: integer(100, 100_000, 0), 'slow-queries': integer(10, 100_000) },
    ...{ 'kernel-rounds': integer(3, 100_000, 0), tartan: '', 'next-plaid': '', label: '' },
    install: false,
  } as const,
  async ({ vectors: folder, nbits, k: ks, rounds, cpu, warm, 'kernel-rounds': kernelRounds, ...options }) => {
    const label = labelOf(folder, options.label)
    const peers: Readonly<Record<string, PreparePeer>> = {
      tartan: tartanWith(listOf(options.tartan)),
      'next-plaid': nextPlaid('portable', listOf(options['next-plaid'])),
      'next-plaid-native': nextPlaid('native'),
      'fast-plaid': prepareFastPlaid,
    }
    const wanted = enginesOf(options.engines, Object.keys(peers))
    const started = await startRecord('peers')
    const vectors = await openJudgedVectors(folder, options.limit)
    await checkQueries(vectors)
    const work = options.work ? resolve(options.work) : cachePath('peers')
    await mkdir(work, { recursive: true })
    const context: PeerContext = {
      vectors,
      label,
      work,
      peers: await sharedFolder(options.shared, 'peers'),
      ...{ cpu, warm, slowQueries: options['slow-queries'] },
      python: options.python ? resolve(options.python) : defaultPython(work),
      install: options.install,
    }
    const exact = await exactRankings(vectors)
    const { engines, absent } = await prepareAll(context, { wanted, peers, nbits, ks })
    const { points, failed } = await runRounds(engines, rounds, { vectors, exact })
    const kernels = await compareKernels(context, wanted, kernelRounds)
    const costs = Object.fromEntries(engines.map(({ name, cost }) => [name, cost]))
    const reference = { queries: vectors.queries.length, ...exactQuality(vectors, exact) }
    const missing = [...absent, ...failed, ...kernels.absent]
    const measurement = {
      parameters: {
        ...factsOf(label, vectors),
        ...{ nbits, k: ks },
        cores: 'one each, pinned; one thread but for the runtime’s own',
        cpu: context.cpu,
        versions: {
          ...Object.fromEntries(engines.map(({ name, version }) => [name, version])),
          kernels: kernels.versions,
          rustc: await versionOf('rustc'),
        },
      },
      samples: {
        queries: vectors.queries.length,
        rounds,
        warm_up: `${context.warm} queries in every process (fast-plaid 3)`,
        order: 'engines take turns, setting by setting; each run a fresh process',
        kernel_rounds: kernelRounds,
      },
      units: UNITS,
      metrics: {
        exact: reference,
        search: points,
        cost: costs as Readonly<Record<string, IndexCost>>,
        kernels: kernels.points,
        absent: missing,
      },
    }
    await writeResult(`peers-${label}`, started, measurement)
    const record: BenchRecord = { ...started, ...measurement }
    await writeFile(rootPath('bench', 'results', `peers-${label}.svg`), peersFigure(record))
    const tables = [searchTable({ points, costs, exact: reference, absent: missing })]
    if (kernels.points.length > 0) tables.push(kernelTable(kernels.points, vectors.store.dim))
    const text = `${tables.join('\n\n')}\n`
    await writeFile(join(work, `peers-${label}.md`), text)
    process.stdout.write(text)
    await vectors.store.close()
  },
)

interface Wish {
  readonly wanted: ReadonlySet<string>
  readonly peers: Readonly<Record<string, PreparePeer>>
  readonly nbits: readonly (4 | 2 | 1)[]
  readonly ks: readonly number[]
}

/** What cannot be had is named with its reason; everything else goes on. */
async function prepareAll(
  context: PeerContext,
  { wanted, peers, nbits, ks }: Wish,
): Promise<{ readonly engines: readonly PeerEngine[]; readonly absent: readonly AbsentPeer[] }> {
  const engines: PeerEngine[] = []
  const absent: AbsentPeer[] = []
  for (const bits of nbits) {
    for (const name of wanted) {
      const prepare = peers[name]
      if (!prepare || (FIRST_NBITS_ONLY.has(name) && bits !== nbits[0])) continue
      try {
        engines.push(await prepare(context, bits, ks))
      } catch (error) {
        if (!(error instanceof TartanError)) throw error
        progress(`${name} at ${bits} bits is absent: ${error.message}`)
        absent.push({ name: `${name} ${bits}-bit`, reason: error.message })
      }
    }
  }
  for (const [name, reason] of Object.entries(NOT_IN_REGISTRIES)) if (wanted.has(name)) absent.push({ name, reason })
  return { engines, absent }
}

/** All of them unless some are named. */
function enginesOf(text: string, search: readonly string[]): ReadonlySet<string> {
  const known = new Set([...search, ...KERNEL_ENGINES, ...Object.keys(NOT_IN_REGISTRIES)])
  const named = text.split(',').filter(Boolean)
  const unknown = named.find((name) => !known.has(name))
  if (unknown !== undefined) {
    throw new InputError(`--engines: expected some of ${[...known].join(', ')}, got "${unknown}".`)
  }
  return named.length > 0 ? new Set(named) : known
}

function listOf(text: string): readonly string[] | undefined {
  return text ? text.split(',').map((setting) => setting.trim()) : undefined
}

/** The peers' programs time the folder's first queries; ours are those with judgements. They must be the same. */
async function checkQueries({ folder, queries, store }: JudgedVectors): Promise<void> {
  const { ids } = await store.readQueries()
  const position = queries.findIndex(({ id }, i) => ids[i] !== id)
  if (position >= 0) {
    throw new InputError(
      `"${folder}": query "${ids[position]}" has no judgements, and the peers would time it all the same. Use a folder whose first queries are judged, or --limit ${position}.`,
    )
  }
}

async function versionOf(program: string): Promise<string> {
  const absent = { stdout: 'absent' }
  const { stdout } = await runProgram(program, ['--version']).catch(() => absent)
  return stdout.trim()
}
