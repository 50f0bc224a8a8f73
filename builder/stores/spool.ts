/**
 * First pass over a corpus: every passage is read and checked once, and put aside on disk as the compressed text blocks
 * that the index will store anyway (SPEC.md §5.3). So a mistake in the last line is found before an hour of encoding, standard input is read
 * only once, and the number of passages is known from then on. In memory stay only the ids and 16 bytes a block.
 */
import { type FileHandle, open } from 'node:fs/promises'
import { InputError } from '../../format/errors.ts'
import {
  decodeTextBlock,
  type TextBlock,
  TextBlockEncoder,
  type TextBlockEntry,
  type TextRecord,
} from '../../format/items/textBlocks.ts'
import type { CorpusPassage } from '../corpus/passage.ts'
import { writeFailure } from '../publish/indexFolder.ts'

/** A corpus put aside on disk, in corpus order. */
export interface Spool {
  readonly ids: readonly string[]
  readonly blocks: readonly TextBlockEntry[]
  /** The compressed bytes of a block. */
  readBlock(index: number): Promise<Uint8Array>
  /** The records of a block. */
  readRecords(index: number): Promise<readonly TextRecord[]>
  /** Close the file; whoever made its folder removes it. */
  close(): Promise<void>
}

/**
 * @param path - temporary file to write
 * @param onPassage - called with the number of passages so far
 * @throws InputError when the corpus has no passage, and whatever the corpus reader throws
 */
export async function spoolCorpus(
  corpus: AsyncIterable<CorpusPassage>,
  path: string,
  onPassage?: (count: number) => void,
): Promise<Spool> {
  const file = await open(path, 'w+').catch(writeFailure(path))
  try {
    const ids: string[] = []
    const writer = new SpoolWriter(file, path, new TextBlockEncoder())
    for await (const { id, title, text, metadata } of corpus) {
      // A copy: V8 makes a slice that keeps the whole line it was cut from alive.
      ids.push(Buffer.from(id).toString())
      await writer.add({ title, text, metadata })
      onPassage?.(ids.length)
    }
    const blocks = await writer.end()
    if (ids.length === 0) throw new InputError('the corpus has no passages. An index needs at least one.')
    return openSpool(file, path, ids, blocks)
  } catch (error) {
    await file.close()
    throw error
  }
}

/** Puts records into blocks and blocks into a file. */
export class SpoolWriter {
  readonly #file: FileHandle
  readonly #path: string
  readonly #encoder: TextBlockEncoder
  readonly #blocks: TextBlockEntry[] = []

  /** @param path - of the file, for messages */
  constructor(file: FileHandle, path: string, encoder: TextBlockEncoder) {
    this.#file = file
    this.#path = path
    this.#encoder = encoder
  }

  async add(record: TextRecord): Promise<void> {
    await this.#keep(await this.#encoder.add(record))
  }

  async end(): Promise<readonly TextBlockEntry[]> {
    await this.#keep(await this.#encoder.end())
    return this.#blocks
  }

  async #keep(block: TextBlock | undefined): Promise<void> {
    if (!block) return
    await this.#file.writeFile(block.bytes).catch(writeFailure(this.#path))
    this.#blocks.push(block.entry)
  }
}

/** A file of blocks that is complete. */
export function openSpool(
  file: FileHandle,
  path: string,
  ids: readonly string[],
  blocks: readonly TextBlockEntry[],
): Spool {
  const offsets = [0]
  for (const { compressedBytes } of blocks) offsets.push((offsets.at(-1) ?? 0) + compressedBytes)
  const readBlock = async (index: number): Promise<Uint8Array> => {
    const bytes = new Uint8Array(blocks[index]?.compressedBytes ?? 0)
    const { bytesRead } = await file.read(bytes, 0, bytes.length, offsets[index])
    if (bytesRead !== bytes.length)
      throw new Error(`spool ${path}: block ${index} is ${bytesRead} of ${bytes.length} bytes`)
    return bytes
  }
  return {
    ids,
    blocks,
    readBlock,
    async readRecords(index) {
      const entry = blocks[index]
      if (!entry) throw new RangeError(`spool ${path}: no block ${index} of ${blocks.length}`)
      return decodeTextBlock(await readBlock(index), entry)
    },
    close: () => file.close(),
  }
}
