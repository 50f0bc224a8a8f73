/** `openTextSearch` of Node, Deno and Bun: index by path or address, encoder by name, from the package's own models. */
import { InputError } from '../../../format/errors.ts'
import { type EncoderSource, textSearchOver } from '../../ask/openTextSearch.ts'
import type { TextSearch, TextSearchOptions } from '../../ask/textSearch.ts'
import type { PipelineName } from '../../searchers/pipeline.ts'
import type { ModelOptions } from './encoderNode.ts'
import { openIndex } from './nodeIndex.ts'
import { openPool } from './nodePool.ts'
import { openQueryEncoder } from './queryEncoder.ts'

export interface NodeTextSearchOptions extends ModelOptions, Pick<TextSearchOptions, 'tier'> {
  /** Name of a bundled model, or a model folder. Default: the one that the index names, where it is bundled. */
  readonly model?: string | undefined
  /** Another encoder than onnxruntime-node's; false for none: then only query vectors can be asked with. */
  readonly encoder?: EncoderSource | false
  /** Default 'auto': resident where the whole index fits half of the memory that is free. */
  readonly pipeline?: PipelineName | 'auto'
  /** Threads that search, over one index in memory. Default 1: searches run in this thread. */
  readonly workers?: number
}

/**
 * @param path - an index folder or a pack, or the address of one: `https://…`, `s3://bucket/prefix`
 * @throws InputError (no index there), ModelError (no such model, or another than the index's), DeviceError (onnxruntime-node does
 * not start), FormatError and its kin, StorageError
 */
export async function openTextSearch(path: string, options: NodeTextSearchOptions = {}): Promise<TextSearch> {
  const { model, encoder, tier, pipeline = 'auto', workers = 1, ...native } = options
  if (workers !== 1 && pipeline === 'range') {
    throw new InputError(
      'opening a search: `workers` are for indexes in memory, a query by range waits for storage and not for a core. Leave one of the two out.',
    )
  }
  const index = workers === 1 ? await openIndex(path, { pipeline }) : await openPool(path, { workers })
  const source = encoder ?? ((info) => openQueryEncoder(info, model, native))
  return textSearchOver(index, source === false ? undefined : source, { tier })
}
