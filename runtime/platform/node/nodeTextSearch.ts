/** `openTextSearch` of Node, Deno and Bun: index by path or address, encoder by name, from the package's own models. */
import { type EncoderSource, textSearchOver } from '../../ask/openTextSearch.ts'
import type { TextSearch, TextSearchOptions } from '../../ask/textSearch.ts'
import { type Names, requireKnownOptions } from '../../knownOptions.ts'
import { requireTierName } from '../../search/tiers.ts'
import type { PipelineName } from '../../searchers/pipeline.ts'
import type { ModelOptions } from './encoderNode.ts'
import { openIndex } from './nodeIndex.ts'
import { openQueryEncoder } from './queryEncoder.ts'

export interface NodeTextSearchOptions extends Omit<ModelOptions, 'workers'>, Pick<TextSearchOptions, 'tier'> {
  /** Name of a bundled model, or a model folder. Default: the one that the index names, where it is bundled. */
  readonly model?: string | undefined
  /** Another encoder than onnxruntime-node's; false for none: then only query vectors can be asked with. */
  readonly encoder?: EncoderSource | false
  /** Default 'auto': resident where the whole index fits half of the memory that is free. */
  readonly pipeline?: PipelineName | 'auto'
  /**
   * Threads that encode, and as many that search an index in memory, which they share. Default 1: this thread stays free. 0: encoding
   * and searching run on this thread, and nothing else meanwhile; a program that asks once starts sooner so.
   */
  readonly workers?: number
}

const OPTIONS: Names<NodeTextSearchOptions> = {
  ...{
    model: true,
    encoder: true,
    tier: true,
    pipeline: true,
    workers: true,
    device: true,
    threads: true,
    precision: true,
  },
}

/**
 * @param path - an index folder or a pack, or the address of one: `https://…`, `s3://bucket/prefix`
 * @throws InputError (no index there), ModelError (no such model, or another than the index's), DeviceError (onnxruntime-node does
 * not start), FormatError and its kin, StorageError
 */
export async function openTextSearch(path: string, options: NodeTextSearchOptions = {}): Promise<TextSearch> {
  requireKnownOptions<NodeTextSearchOptions>('opening a search', options, OPTIONS)
  if (options.tier !== undefined) requireTierName(options.tier)
  const { model, encoder, tier, pipeline = 'auto', workers = 1, ...native } = options
  const index = await openIndex(path, { pipeline, workers })
  const source = encoder ?? ((info) => openQueryEncoder(info, model, { ...native, workers }))
  return textSearchOver(index, source === false ? undefined : source, { tier })
}
