/** MaxSim kernels alone, ns a passage token at 32 query rows: Tartan's bench and the peers' programs, in turns on one core. */
import { join } from 'node:path'
import { TartanError } from '../../../format/errors.ts'
import { progress, rootPath } from '../../harness/commandLine.ts'
import { median, significant } from '../../harness/samples.ts'
import { runProgram } from '../program.ts'
import { buildCrate } from './crate.ts'
import type { PeerContext } from './engine.ts'
import { ONE_THREAD, packageVersion } from './python.ts'
import type { AbsentPeer } from './rounds.ts'

/** Documents of the peers' smaller working set, which stays in cache as that of our bench does. */
const IN_CACHE_DOCS = 32
/** Rounds inside each program; between them the programs take turns. */
const INNER_ROUNDS = '3'
const PYTHON_KERNELS = ['torch', 'maxsim-cpu', 'numkong'] as const

export interface KernelPoint {
  readonly kernel: string
  readonly dim: number
  /** 32: uncompressed. */
  readonly nbits: number
  /** Smallest and middle of the rounds' medians. */
  readonly ns_per_token_min: number
  readonly ns_per_token_median: number
  readonly ns_per_token_rounds: readonly number[]
}

interface Sample {
  readonly kernel: string
  readonly dim: number
  readonly nbits: number
  readonly ns: number
}

interface KernelProgram {
  readonly version: string
  run(): Promise<readonly Sample[]>
}

export interface KernelsResult {
  readonly points: readonly KernelPoint[]
  readonly versions: Readonly<Record<string, string>>
  readonly absent: readonly AbsentPeer[]
}

/** Names that `--engines` takes and this file measures. */
export const KERNEL_ENGINES = ['tartan', 'maxsim-lut', ...PYTHON_KERNELS] as const

export async function compareKernels(
  context: PeerContext,
  engines: ReadonlySet<string>,
  rounds: number,
): Promise<KernelsResult> {
  const programs = new Map<string, KernelProgram>()
  const absent: AbsentPeer[] = []
  const samples: Sample[] = []
  const attempt = async (name: string, work: () => Promise<void>) => {
    try {
      await work()
    } catch (error) {
      if (!(error instanceof TartanError)) throw error
      absent.push({ name: `${name} kernels`, reason: error.message })
      programs.delete(name)
    }
  }
  for (const name of KERNEL_ENGINES.filter((engine) => engines.has(engine))) {
    await attempt(name, async () => void programs.set(name, await prepareKernels(context, name)))
  }
  for (let round = 1; round <= rounds; round++) {
    for (const [name, program] of [...programs]) {
      progress(`kernels, round ${round}/${rounds}: ${name}`)
      await attempt(name, async () => void samples.push(...(await program.run())))
    }
  }
  const versions = Object.fromEntries([...programs].map(([name, { version }]) => [name, version]))
  return { points: summarised(samples), versions, absent }
}

function prepareKernels(context: PeerContext, name: (typeof KERNEL_ENGINES)[number]): Promise<KernelProgram> {
  if (name === 'tartan') return Promise.resolve(tartanKernels(context))
  return name === 'maxsim-lut' ? maxSimLut(context) : pythonKernels(context, name)
}

/** Our own bench, as it stands: it prints one JSON with `rescoreNsPerToken` for each number of bits. */
function tartanKernels({ cpu }: PeerContext): KernelProgram {
  interface Printed {
    readonly parameters: { readonly dim: number }
    readonly metrics: readonly { readonly nbits: number; readonly rescoreNsPerToken: { readonly p50: number } }[]
  }
  return {
    version: 'this checkout',
    async run() {
      const { stdout } = await runProgram(process.execPath, [rootPath('bench', 'speed', 'kernels.ts')], {
        cpu,
        cwd: rootPath(),
      })
      const { parameters, metrics } = JSON.parse(stdout) as Printed
      return metrics.map(({ nbits, rescoreNsPerToken }) => ({
        kernel: 'Tartan rescore (WASM)',
        dim: parameters.dim,
        nbits,
        ns: rescoreNsPerToken.p50,
      }))
    },
  }
}

async function maxSimLut(context: PeerContext): Promise<KernelProgram> {
  const { binary, version } = await buildCrate(context, 'maxsim-lut-bench', 'maxsim-lut', 'native')
  return {
    version,
    async run() {
      const { stdout } = await runProgram(binary, [INNER_ROUNDS], { cpu: context.cpu })
      return samplesOf(stdout, 'maxsim-lut ')
    },
  }
}

async function pythonKernels(context: PeerContext, name: string): Promise<KernelProgram> {
  const version = await packageVersion(context, name)
  const words = [join(context.peers, 'bench_kernels.py'), name, '--rounds', INNER_ROUNDS]
  return {
    version,
    async run() {
      const { stdout } = await runProgram(context.python, words, {
        cpu: context.cpu,
        env: { ...ONE_THREAD, CUDA_VISIBLE_DEVICES: '' },
      })
      return samplesOf(stdout, '')
    },
  }
}

/** The peers' programs print a JSON array; uncompressed ones without `nbits`. */
function samplesOf(stdout: string, prefix: string): readonly Sample[] {
  interface Printed {
    readonly kernel: string
    readonly dim: number
    readonly nbits?: number
    readonly docs: number
    readonly ns_per_token_median: number
  }
  return (JSON.parse(stdout) as readonly Printed[])
    .filter(({ docs }) => docs === IN_CACHE_DOCS)
    .map(({ kernel, dim, nbits = 32, ns_per_token_median: ns }) => ({ kernel: `${prefix}${kernel}`, dim, nbits, ns }))
}

function summarised(samples: readonly Sample[]): readonly KernelPoint[] {
  const groups = Map.groupBy(samples, ({ kernel, dim, nbits }) => `${kernel} ${dim} ${nbits}`)
  return [...groups.values()].map((group) => {
    const ns = group.map((sample) => sample.ns)
    const { kernel, dim, nbits } = group[0]!
    return {
      kernel,
      dim,
      nbits,
      ns_per_token_min: significant(Math.min(...ns)),
      ns_per_token_median: significant(median(ns)),
      ns_per_token_rounds: ns.map((value) => significant(value)),
    }
  })
}
