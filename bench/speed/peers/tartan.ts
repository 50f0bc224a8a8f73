/** Tartan as one engine among the peers: the index from the benches' cache, each run in a fresh Node pinned to the core. */
import { readFile } from 'node:fs/promises'
import { InputError } from '../../../format/errors.ts'
import { TIER_NAMES } from '../../../format/manifest/tiers.ts'
import type { SearchOptions } from '../../../runtime/searcher.ts'
import { cachedIndex } from '../../harness/cachedIndex.ts'
import { rootPath } from '../../harness/commandLine.ts'
import { runFresh } from '../../harness/freshProcess.ts'
import { type EngineRun, type PeerEngine, type PreparePeer, type Setting, settingsFor, valuesOf } from './engine.ts'
import type { TartanTask } from './tartanChild.ts'

/**
 * Tiers (the default is `balanced`), Stanford's parameters, and settings that take every passage for a candidate, from fewer to
 * more passages rescored: `ndocs / 4` of them.
 */
const CURVE = [
  'tier=fast',
  'tier=exact',
  'ncells=1 threshold=0.5 ndocs=128',
  'ncells=1 threshold=0.5 ndocs=256',
  'ncells=2 threshold=0.45 ndocs=1024',
  'ncells=8 threshold=0.4 ndocs=4096',
  'ncells=8192 threshold=-1 ndocs=256',
  'ncells=8192 threshold=-1 ndocs=400',
  'ncells=8192 threshold=-1 ndocs=768',
  'ncells=8192 threshold=-1 ndocs=1024',
  'ncells=8192 threshold=-1 ndocs=2048',
]

/** @param curve - settings beside the defaults */
export function tartanWith(curve: readonly string[] = CURVE): PreparePeer {
  return async (context, nbits, ks): Promise<PeerEngine> => {
    const { vectors, label, warm, cpu } = context
    const settings = settingsFor(ks, [''], curve)
    for (const setting of settings) searchOptionsOf(setting)
    const { report, ...index } = await cachedIndex(vectors, { nbits, label })
    const { version } = JSON.parse(await readFile(rootPath('package.json'), 'utf8')) as { version: string }
    return {
      name: `Tartan ${nbits}-bit`,
      version,
      cost: {
        bytes: report.bytes,
        buildS: index.seconds,
        buildCpuS: index.cpuSeconds,
        buildPeakRssMb: index.peakRssMb,
        built: index.built,
      },
      settings,
      queries: vectors.queries.length,
      run: (setting) => runTartan(index.path, { queries: vectors.queries, warm, cpu }, setting),
    }
  }
}

export function runTartan(
  index: string,
  { queries, warm, cpu }: Pick<TartanTask, 'queries' | 'warm'> & { readonly cpu: number },
  setting: Setting,
): Promise<EngineRun> {
  const task: TartanTask = { index, queries, warm, options: searchOptionsOf(setting) }
  return runFresh<EngineRun>(new URL('tartanChild.ts', import.meta.url), task, { cpu })
}

/** Setting's name of a parameter → the API's. */
const PARAMETERS = { ncells: 'ncells', threshold: 'centroidScoreThreshold', ndocs: 'ndocs' } as const

/** @throws InputError for a name or value that is no parameter of ours */
export function searchOptionsOf({ text, k }: Setting): SearchOptions {
  const options: Record<string, number | string> = { k }
  for (const [name, value] of valuesOf(text)) {
    const isTier = name === 'tier' && (TIER_NAMES as readonly string[]).includes(value)
    if (!isTier && (!Object.hasOwn(PARAMETERS, name) || !Number.isFinite(Number(value)))) {
      throw new InputError(
        `setting "${text}": expected numbers for ${Object.keys(PARAMETERS).join(', ')}, or a tier, got ${name}=${value}.`,
      )
    }
    if (isTier) options.tier = value
    else options[PARAMETERS[name as keyof typeof PARAMETERS]] = Number(value)
  }
  return options
}
