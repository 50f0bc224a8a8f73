/** The encoder for queries of an index: the one its manifest names, checked against its fingerprint. */
import type { Encoder } from '../encoder/encoder.ts'
import { assertSameEncoder } from '../encoder/fingerprint.ts'
import { ModelError } from '../format/errors.ts'
import type { IndexInfo } from '../runtime/searcher.ts'
import { bundledModels, type ModelOptions, openModel } from './encoderNode.ts'

/**
 * @param model - a bundled name or a folder; default: the model's name in the index
 * @throws ModelError when the index has no encoder, the model is not there, or it is another one
 */
export async function openQueryEncoder(info: IndexInfo, model?: string, options?: ModelOptions): Promise<Encoder> {
  if (!info.encoder) {
    throw new ModelError(
      `the index "${info.name}" was built from ready vectors of an unknown encoder, so it cannot be searched by text. Send query vectors, or put the encoder's fingerprint (encoder.json) into the vectors folder and build again.`,
    )
  }
  const encoder = await openModel(model ?? (await bundledName(info.encoder.model)), options)
  try {
    assertSameEncoder(info.encoder, encoder.fingerprint)
    return encoder
  } catch (error) {
    await encoder.close()
    throw error
  }
}

/** A name out of an index is a stranger's word: it may choose among the bundled models, never a path. */
async function bundledName(name: string): Promise<string> {
  const bundled = await bundledModels()
  if (bundled.includes(name)) return name
  throw new ModelError(
    `the index was built with the model "${name}", which is not bundled (bundled: ${bundled.join(', ')}). Name its folder with --model.`,
    { model: name },
  )
}
