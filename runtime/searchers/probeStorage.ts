/** Whether storage still gives what queries read: a byte of it is asked for. */
import { TartanError } from '../../format/errors.ts'
import type { IndexReader } from '../../format/indexReader.ts'
import { chunksOf } from '../../format/manifest/manifest.ts'
import type { SectionName } from '../../format/manifest/sections.ts'

/** Whoever asks whether storage answers does not wait for it as a query would. */
const WAIT_MAX_MS = 5000

/**
 * @param section - of segments, which queries read from
 * @param failure - of a query: the part that it names is looked at as well
 * @throws StorageError, MissingPartError
 */
export async function probeStorage(reader: IndexReader, section: SectionName, failure?: unknown): Promise<void> {
  const { parts, segments } = reader.manifest
  const usual = segments.flatMap((segment) => chunksOf(segment, section)).find(({ length }) => length > 0)?.part
  const named = failure instanceof TartanError ? JSON.stringify(failure.detail) : ''
  const failed = named === '' ? -1 : parts.findIndex(({ name }) => named.includes(name))
  const looked = new Set([usual, failed < 0 ? undefined : failed])
  const signal = AbortSignal.timeout(WAIT_MAX_MS)
  await Promise.all(
    [...looked].map(async (part) => {
      // The last byte: the first ones of a pack are kept since it was opened.
      if (part !== undefined) await reader.readPart(part, (parts[part]?.bytes ?? 1) - 1, 1, signal)
    }),
  )
}
