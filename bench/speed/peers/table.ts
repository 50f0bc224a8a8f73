/** Results of the peers' bench as Markdown: on the terminal, and ready for a README. */
import type { IndexCost } from './engine.ts'
import type { KernelPoint } from './kernels.ts'
import type { AbsentPeer, PeerPoint } from './rounds.ts'

export interface TableFacts {
  readonly points: readonly PeerPoint[]
  readonly costs: Readonly<Record<string, IndexCost>>
  readonly exact: { readonly queries: number; readonly 'ndcg@10': number; readonly 'recall@100': number }
  readonly absent: readonly AbsentPeer[]
}

export function searchTable({ points, costs, exact, absent }: TableFacts): string {
  const deep = points.some(({ k }) => k >= 100)
  const recall = (value: number | undefined) => (deep ? [value === undefined ? '–' : value.toFixed(4)] : [])
  const heading = [
    ...['engine', 'setting', 'k', 'queries', 'ms median', 'ms p95', 'nDCG@10', ...(deep ? ['recall@100'] : [])],
    ...['overlap@10', 'open ms', 'first ms', 'peak MB (before)', 'WASM MB', 'index MB', 'build s', 'build CPU s'],
  ]
  const rows = points.toSorted(byEngine(points)).map((point) => {
    const cost = costs[point.engine]!
    return [
      point.engine,
      point.setting || 'defaults',
      String(point.k),
      String(point.queries),
      point.ms_median.toFixed(2),
      point.ms_p95.toFixed(2),
      point.queries === exact.queries
        ? point['ndcg@10'].toFixed(4)
        : `${point['ndcg@10'].toFixed(4)} (exact ${point['exact_ndcg@10'].toFixed(4)})`,
      ...recall(point.k >= 100 ? point['recall@100'] : undefined),
      point['overlap@10'].toFixed(3),
      point.open_ms.toFixed(0),
      point.first_ms.toFixed(0),
      `${point.peak_rss_mb.toFixed(0)} (${point.base_rss_mb.toFixed(0)})`,
      point.wasm_mb === undefined ? '–' : point.wasm_mb.toFixed(0),
      (cost.bytes / 1e6).toFixed(1),
      cost.buildS.toFixed(0),
      cost.buildCpuS.toFixed(0),
    ]
  })
  const blank = (cells: readonly string[]) => [...cells, ...heading.slice(cells.length).map(() => '')]
  return markdownTable([
    heading,
    blank([
      'exact',
      'float32 MaxSim',
      '',
      String(exact.queries),
      '',
      '',
      exact['ndcg@10'].toFixed(4),
      ...recall(exact['recall@100']),
      '1.000',
    ]),
    ...rows,
    ...absent.map(({ name, reason }) => blank([name, `absent: ${firstSentence(reason)}`])),
  ])
}

/** Rows of one dim. */
export function kernelTable(points: readonly KernelPoint[], dim: number): string {
  const rows = points
    .filter((point) => point.dim === dim)
    .toSorted((a, b) => b.nbits - a.nbits || a.ns_per_token_median - b.ns_per_token_median)
    .map((point) => [
      point.nbits === 32 ? 'f32' : String(point.nbits),
      point.kernel,
      point.ns_per_token_median.toFixed(1),
      point.ns_per_token_min.toFixed(1),
    ])
  return markdownTable([['bits', `kernel, dim ${dim}, 32 query rows`, 'ns a token', 'best round'], ...rows])
}

/** Engines as they came; of each the defaults by k, then its curve by time. */
function byEngine(points: readonly PeerPoint[]): (a: PeerPoint, b: PeerPoint) => number {
  const engines = [...new Set(points.map(({ engine }) => engine))]
  return (a, b) =>
    engines.indexOf(a.engine) - engines.indexOf(b.engine) ||
    Number(a.setting !== '') - Number(b.setting !== '') ||
    a.k - b.k ||
    a.ms_median - b.ms_median
}

function firstSentence(text: string): string {
  const line = text.replaceAll('|', '/').replaceAll(/\s+/g, ' ')
  return line.length > 160 ? `${line.slice(0, 159)}…` : line
}

/** Padded, so that it reads as a table without being rendered; columns of numbers stand right. */
function markdownTable(rows: readonly (readonly string[])[]): string {
  const columns = rows[0]!.map((_, column) => column)
  const widths = columns.map((column) =>
    Math.max(...rows.map((row) => (column < 2 && /^absent/.test(row[1]!) ? 0 : row[column]!.length))),
  )
  const lines = rows.map((row) => {
    const cells = row.map((cell, column) =>
      column < 2 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!),
    )
    return `| ${cells.join(' | ')} |`
  })
  const rule = `|${columns.map((column) => (column < 2 ? '-'.repeat(widths[column]! + 2) : `${'-'.repeat(widths[column]! + 1)}:`)).join('|')}|`
  return [lines[0]!, rule, ...lines.slice(1)].join('\n')
}
