/** A spool with its passages in another order, for an index that is ordered by content: its text blocks are made anew. */
import { type FileHandle, open } from 'node:fs/promises'
import { unpackValue } from '../../format/container/container.ts'
import { packValue } from '../../format/container/packing.ts'
import { TextBlockEncoder, type TextRecord } from '../../format/items/textBlocks.ts'
import { writeFailure } from '../publish/indexFolder.ts'
import { openSpool, type Spool, SpoolWriter } from './spool.ts'

/**
 * Writes all texts raw, so that each can be read by itself, and then block by block in their new order.
 * @param path - temporary file to write; another one beside it is removed by whoever removes its folder
 */
export async function reorderSpool(spool: Spool, order: Uint32Array, path: string): Promise<Spool> {
  const raw = await open(`${path}.raw`, 'w+').catch(writeFailure(path))
  const file = await open(path, 'w+').catch(writeFailure(path))
  try {
    const offsets = await writeRaw(spool, raw, path)
    const writer = new SpoolWriter(file, path, new TextBlockEncoder())
    for (const pid of order) await writer.add(await readRaw(raw, offsets, pid))
    const blocks = await writer.end()
    return openSpool(
      file,
      path,
      Array.from(order, (pid) => spool.ids[pid] ?? ''),
      blocks,
    )
  } catch (error) {
    await file.close()
    throw error
  } finally {
    await raw.close()
  }
}

/** @returns f64[passages + 1]: where each record starts in the file */
async function writeRaw(spool: Spool, raw: FileHandle, path: string): Promise<Float64Array> {
  const offsets = new Float64Array(spool.ids.length + 1)
  let pid = 0
  for (const block of spool.blocks.keys()) {
    const packed = (await spool.readRecords(block)).map((record) => packValue(record))
    for (const bytes of packed) {
      offsets[pid + 1] = (offsets[pid] ?? 0) + bytes.length
      pid++
    }
    await raw.writeFile(Buffer.concat(packed)).catch(writeFailure(path))
  }
  return offsets
}

async function readRaw(raw: FileHandle, offsets: Float64Array, pid: number): Promise<TextRecord> {
  const start = offsets[pid] ?? 0
  const bytes = new Uint8Array((offsets[pid + 1] ?? start) - start)
  await raw.read(bytes, 0, bytes.length, start)
  return unpackValue(bytes, 'texts') as TextRecord
}
