/** Values to MessagePack, apart from container.ts: who only reads an index need not download how one is written. */
import { Packr } from 'msgpackr/pack'

/** Plain MessagePack: no records extension, smallest map heads (docs/ARCHITECTURE.md, "msgpackr's traps"). */
export function packValue(value: unknown): Uint8Array {
  const packed = new Packr({ useRecords: false, variableMapSize: true }).pack(value)
  // A copy: msgpackr answers with a view into a pooled buffer that it reuses.
  return Uint8Array.from(packed)
}
