/** The encoder for queries of an index: the one its manifest names, checked against its fingerprint. */
import type { Encoder } from '../../../encoder/encoder.ts'
import { assertSameEncoder, type EncodedIndex, encoderOfIndex } from '../../../encoder/fingerprint.ts'
import { ModelError } from '../../../format/errors.ts'
import { bundledModels, type ModelOptions, openModel } from './encoderNode.ts'

/**
 * @param model - a bundled name or a folder; default: the model's name in the index
 * @throws ModelError when the index has no encoder, the model is not there, or it is another one
 */
export async function openQueryEncoder(info: EncodedIndex, model?: string, options?: ModelOptions): Promise<Encoder> {
  const built = encoderOfIndex(info)
  const encoder = await openModel(model ?? (await bundledName(built.model)), options)
  try {
    assertSameEncoder(built, encoder.fingerprint)
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
