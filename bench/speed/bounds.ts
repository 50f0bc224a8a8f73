/**
 * Would bounds spare rescoring anything? Of every passage that is rescored, the least upper bound that its codes, inverse norms
 * and lengths of residuals allow, beside its score: how many a search could leave out without a change of the answer. A study,
 * in plain floats over decoded vectors; what came of it stands in assembly/README.md. Usage: bench/README.md.
 */
import { readIndex } from '../../format/indexReader.ts'
import type { SegmentData } from '../../format/manifest/segment.ts'
import { passageRows, referenceSegment, residualBuckets } from '../../reference/kernels.ts'
import { inverseNormTable, quantiseQuery } from '../../runtime/kernels/quantise.ts'
import { filesAtPath } from '../../runtime/platform/node/nodeFiles.ts'
import { openIndex } from '../../runtime/platform/node/nodeIndex.ts'
import { cachedIndex } from '../harness/cachedIndex.ts'
import { integerOption, labelOf, nbitsOption, runBench, vectorsOption } from '../harness/commandLine.ts'
import { openJudgedVectors } from '../harness/judgedVectors.ts'
import { startRecord, writeResult } from '../harness/record.ts'
import { significant } from '../harness/samples.ts'

const USAGE = 'npm run -s bench:bounds -- --vectors FOLDER [--nbits 4] [--queries 20] [--rescored 256] [--label NAME]'
const K = 10

/** A passage decoded: of each token what the bounds need. */
interface Decoded {
  readonly codes: Uint32Array
  /** f32[tokens][dim], unit length but for the rounding of norms. */
  readonly vectors: Float32Array
  /** Inverse norm of each token, and the length of its residual. */
  readonly inverseNorms: Float32Array
  readonly residualNorms: Float32Array
}

interface Bounds {
  readonly score: number
  /** Sum over rows of the largest upper bound of a token: Cauchy-Schwarz, and the triangle inequality of angles. */
  readonly cauchy: number
  readonly angle: number
  /** Tokens that no row could have taken, seen in their order with the rows' best so far. */
  readonly tokensSpared: number
  readonly tokens: number
}

await runBench(USAGE, { vectors: '', nbits: '4', queries: '20', rescored: '256', label: '' }, async (options) => {
  const folder = vectorsOption(options.vectors)
  const label = labelOf(folder, options.label)
  const nbits = nbitsOption(options.nbits)[0]!
  const rescored = integerOption('rescored', options.rescored, { min: K, max: 1e6 })
  const vectors = await openJudgedVectors(folder, integerOption('queries', options.queries, { min: 1, max: 1e6 }))
  const started = await startRecord('bounds')
  const { path } = await cachedIndex(vectors, { nbits, label })
  const searcher = await openIndex(path)
  const data = await readSegment(path)
  const decode = decoderOf(data)
  const spared = { cauchy: 0, angle: 0, passages: 0, tokens: 0, tokensInAll: 0 }
  const slack: number[] = []
  for (const query of vectors.queries) {
    const parameters = { k: rescored, ncells: data.centroidScales.length, centroidScoreThreshold: -1 }
    const { hits } = await searcher.search(query, { ...parameters, ndocs: rescored * 4 })
    const bounds = hits.map(({ pid }) => boundsOf(data, query, decode(pid)))
    spared.passages += bounds.length
    spared.cauchy += sparedBy(bounds, ({ cauchy }) => cauchy)
    spared.angle += sparedBy(bounds, ({ angle }) => angle)
    spared.tokens += bounds.reduce((sum, { tokensSpared }) => sum + tokensSpared, 0)
    spared.tokensInAll += bounds.reduce((sum, { tokens }) => sum + tokens, 0)
    slack.push(...bounds.map(({ angle, score }) => angle - score))
    slack.sort((a, b) => a - b)
  }
  await searcher.close()
  const share = (part: number, all: number) => significant(part / all, 3)
  const metrics = {
    passages_spared_cauchy: share(spared.cauchy, spared.passages),
    passages_spared_angle: share(spared.angle, spared.passages),
    tokens_spared_angle: share(spared.tokens, spared.tokensInAll),
    angle_bound_less_score_median: significant(slack[slack.length >> 1]!),
  }
  await writeResult(`bounds-${label}-${nbits}bit`, started, {
    parameters: { label, nbits, k: K, rescored },
    samples: { queries: vectors.queries.length, passages: spared.passages, tokens: spared.tokensInAll },
    units: { '*_spared_*': 'share of those rescored', angle_bound_less_score_median: 'MaxSim' },
    metrics,
  })
  process.stdout.write(`${JSON.stringify(metrics)}\n`)
  await vectors.store.close()
})

async function readSegment(path: string): Promise<SegmentData> {
  const reader = await readIndex(await filesAtPath(path))
  const entry = reader.manifest.segments[0]!
  const section = async (name: Parameters<typeof reader.section>[1]) => reader.section(entry, name)
  const data = {
    dim: reader.manifest.dim,
    codec: entry.codec,
    centroids: new Int8Array((await section('centroids')).buffer),
    centroidScales: new Float32Array((await section('centroidScales')).buffer),
    passageLengths: new Uint16Array((await section('passageLengths')).buffer),
    postingOffsets: new Uint32Array((await section('postingOffsets')).buffer),
    rows: await section('rows'),
    postings: await section('postings'),
  }
  await reader.close()
  return data
}

function decoderOf(data: SegmentData): (pid: number) => Decoded {
  const segment = referenceSegment(data)
  const { dim, codec, centroids, centroidScales } = data
  const norms = inverseNormTable(codec)
  return (pid) => {
    const { codes, norms: bytes, residuals } = passageRows(segment, pid)
    const buckets = residualBuckets(residuals, codec.nbits)
    const vectors = new Float32Array(codes.length * dim)
    const residualNorms = new Float32Array(codes.length)
    for (const [token, code] of codes.entries()) {
      let squares = 0
      for (let d = 0; d < dim; d++) {
        const weight = codec.bucketWeights[buckets[token * dim + d]!]!
        squares += weight * weight
        const value = centroids[code * dim + d]! * centroidScales[code]! + weight
        vectors[token * dim + d] = value * norms[bytes[token]!]!
      }
      residualNorms[token] = Math.sqrt(squares)
    }
    return { codes, vectors, inverseNorms: Float32Array.from(bytes, (byte) => norms[byte]!), residualNorms }
  }
}

/** Rows are of unit length here, as ColBERT's are. */
function boundsOf(
  { dim, centroids, centroidScales }: SegmentData,
  query: { readonly vectors: Float32Array; readonly rows: number },
  { codes, vectors, inverseNorms, residualNorms }: Decoded,
): Bounds {
  const { values, scales } = quantiseQuery(query.vectors, query.rows, dim)
  const best = new Float64Array(query.rows).fill(-1)
  const cauchy = new Float64Array(query.rows).fill(-1)
  const angle = new Float64Array(query.rows).fill(-1)
  let tokensSpared = 0
  for (const [token, code] of codes.entries()) {
    const scale = centroidScales[code]!
    let squares = 0
    let along = 0
    for (let d = 0; d < dim; d++) {
      const value = centroids[code * dim + d]! * scale
      squares += value * value
      along += value * vectors[token * dim + d]!
    }
    const length = Math.sqrt(squares)
    const turn = Math.acos(Math.min(1, along / length))
    let spared = true
    for (let row = 0; row < query.rows; row++) {
      let onCentroid = 0
      let exact = 0
      for (let d = 0; d < dim; d++) {
        const value = values[row * dim + d]! * scales[row]!
        onCentroid += value * centroids[code * dim + d]! * scale
        exact += value * vectors[token * dim + d]!
      }
      const away = Math.acos(Math.max(-1, Math.min(1, onCentroid / length)))
      const most = Math.cos(Math.max(0, away - turn))
      if (most > best[row]!) spared = false
      angle[row] = Math.max(angle[row]!, most)
      cauchy[row] = Math.max(cauchy[row]!, inverseNorms[token]! * (onCentroid + residualNorms[token]!))
      best[row] = Math.max(best[row]!, exact)
    }
    if (spared) tokensSpared += 1
  }
  const sum = (rows: Float64Array) => rows.reduce((total, value) => total + value, 0)
  return { score: sum(best), cauchy: sum(cauchy), angle: sum(angle), tokensSpared, tokens: codes.length }
}

/** Passages never scored when they come by falling bound, and the search ends where no bound beats the k-th score. */
function sparedBy(bounds: readonly Bounds[], bound: (one: Bounds) => number): number {
  const best: number[] = []
  const order = bounds.toSorted((a, b) => bound(b) - bound(a))
  const end = order.findIndex((one) => {
    if (best.length === K && bound(one) <= best.at(-1)!) return true
    best.push(one.score)
    best.sort((a, b) => b - a)
    best.length = Math.min(best.length, K)
    return false
  })
  return end === -1 ? 0 : order.length - end
}
