/** Tiers as people read them: for `tartan tune`, `inspect` and `build`. */
import { type IndexTiers, TIER_NAMES } from '../format/manifest/tiers.ts'
import { formatBytes, formatCount, formatTable, printable } from './terminal.ts'

/** A table and, below it, what it was measured on. Lines are indented by two blanks. */
export function tiersTable(tiers: IndexTiers, centroids: number): string {
  const timed = tiers.sets.some((set) => TIER_NAMES.some((name) => set[name].ms !== undefined))
  const rows = tiers.sets.flatMap((set) =>
    TIER_NAMES.map((name) => {
      const { ncells, centroidScoreThreshold, ndocs, recall, costMs, bytes, ms } = set[name]
      return [
        name,
        String(set.k),
        recall.toFixed(3),
        costMs.toFixed(2),
        ...(timed ? [ms === undefined ? '-' : ms.toFixed(2)] : []),
        formatBytes(bytes),
        ncells >= centroids ? 'all' : formatCount(ncells),
        String(centroidScoreThreshold),
        formatCount(ndocs),
      ]
    }),
  )
  const heading = [
    'tier',
    'k up to',
    'recall@k',
    'cost ms',
    ...(timed ? ['ms'] : []),
    'bytes',
    'ncells',
    'threshold',
    'ndocs',
  ]
  return `${formatTable([heading, ...rows]).replace(/^/gm, '  ')}\n  ${printable(basisOf(tiers))}\n`
}

function basisOf({ queries, querySource, reference, compared, machine }: IndexTiers): string {
  const source = querySource === 'given' ? 'queries that were given' : 'queries made from the corpus'
  const vectors = reference === 'vectors' ? 'the original vectors' : 'the vectors that the index decodes to'
  const pool = compared === 'all' ? 'all passages' : 'the candidates of a very wide search'
  const where = machine === undefined ? '' : `; ms on ${machine}`
  return `${formatCount(queries)} ${source}; recall against exact MaxSim over ${vectors}, ${pool}; cost: counted work, see docs/TUNING.md${where}`
}
