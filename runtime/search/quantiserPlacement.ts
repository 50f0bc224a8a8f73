/** A quantiser in WebAssembly memory, once for all segments that refer to it: its centroids, and the tables that kernels read in place of the codec. */
import { FormatError } from '../../format/errors.ts'
import { DIM_MAX, DIM_MIN, DIM_MULTIPLE } from '../../format/limits.ts'
import type { Nbits, ResidualCodec } from '../../format/manifest/segment.ts'
import type { SegmentPointer } from '../kernels/blocks.ts'
import type { Kernels } from '../kernels/kernels.ts'
import { inverseNormTable, MAGNITUDE_MAX, weightTable } from '../kernels/quantise.ts'
import { type SegmentScales, segmentScales } from '../kernels/units.ts'

/** Addresses that all segment blocks of a quantiser share. */
export type QuantiserPointers = Readonly<
  Pick<Record<SegmentPointer, number>, 'centroids' | 'centroidScales' | 'weights' | 'inverseNorms' | 'fineValues'>
>

/** Plain values, which another thread over the same memory may be sent. */
export interface PlacedQuantiser {
  readonly dim: number
  readonly nbits: Nbits
  readonly centroidCount: number
  readonly pointers: QuantiserPointers
  readonly scales: SegmentScales
}

export function allocateQuantiser({ arena }: Kernels, dim: number, centroids: number): QuantiserPointers {
  return {
    centroids: arena.allocate(centroids * dim),
    centroidScales: arena.allocate(centroids * 4),
    weights: arena.allocate(16),
    inverseNorms: arena.allocate(512),
    // As many as any nbits needs.
    fineValues: arena.allocate(FINE_VALUES_BYTES),
  }
}

const FINE_VALUES_BYTES = 4096

/** Bytes of all that `allocateQuantiser` takes, region by region. */
export function quantiserLengths(dim: number, centroids: number): readonly number[] {
  return [centroids * dim, centroids * 4, 16, 512, FINE_VALUES_BYTES]
}

/** The sections of a quantiser, straight to where kernels read them: no second copy of the centroids is ever there. */
export function quantiserTargets(
  kernels: Kernels,
  pointers: QuantiserPointers,
  source: { readonly dim: number; readonly quantisers: readonly { readonly centroids: number }[] },
  index: number,
) {
  const centroids = source.quantisers[index]?.centroids ?? 0
  const lengths = { centroids: centroids * source.dim, centroidScales: centroids * 4 }
  return (['centroids', 'centroidScales'] as const).map((name) => ({
    owner: 'quantiser' as const,
    index,
    name,
    length: lengths[name],
    view: (offset: number, count: number) => new Uint8Array(kernels.memory.buffer, pointers[name] + offset, count),
  }))
}

/**
 * Checks what was loaded and writes the tables.
 * @throws FormatError
 */
export function finishQuantiser(
  { memory: { buffer } }: Kernels,
  pointers: QuantiserPointers,
  dim: number,
  { codec, centroids: count }: { readonly codec: ResidualCodec; readonly centroids: number },
): PlacedQuantiser {
  const scaleValues = new Float32Array(buffer, pointers.centroidScales, count)
  requireMagnitudes('centroidScales', scaleValues, 0)
  const scales = segmentScales(codec, dim, new Int8Array(buffer, pointers.centroids, count * dim), scaleValues)
  new Int8Array(buffer, pointers.weights, 16).set(weightTable(scales.weights.values, codec.nbits))
  new Int16Array(buffer, pointers.inverseNorms, 256).set(scales.inverseNorms)
  new Int16Array(buffer, pointers.fineValues, scales.fineValues.length).set(scales.fineValues)
  return { dim, nbits: codec.nbits, centroidCount: count, pointers, scales }
}

/** @throws FormatError when the kernels have no code for the shape, or values could overflow */
export function requireCodec({ dim, codec }: { readonly dim: number; readonly codec: ResidualCodec }): void {
  const { nbits, bucketWeights } = codec
  if (!(dim >= DIM_MIN && dim <= DIM_MAX && dim % DIM_MULTIPLE === 0)) {
    throw new FormatError('codec', `a dim that is a multiple of ${DIM_MULTIPLE} in [${DIM_MIN}, ${DIM_MAX}]`, dim)
  }
  if (![1, 2, 4].includes(nbits)) throw new FormatError('codec', 'nbits 1, 2 or 4', nbits)
  if (bucketWeights.length !== 2 ** nbits) {
    throw new FormatError('codec', `${2 ** nbits} bucket weights`, bucketWeights.length)
  }
  requireMagnitudes('codec', bucketWeights, -MAGNITUDE_MAX)
  requireMagnitudes('codec', inverseNormTable(codec), 0)
}

/** Values in [min, MAGNITUDE_MAX]: then no score can overflow to infinity or NaN, and every comparison is sound. */
function requireMagnitudes(section: string, values: Float32Array, min: number): void {
  for (const value of values) {
    if (!(value >= min && value <= MAGNITUDE_MAX)) {
      throw new FormatError(section, `finite values in [${min}, ${MAGNITUDE_MAX}]`, value)
    }
  }
}
