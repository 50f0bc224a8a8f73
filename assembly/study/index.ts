/**
 * Ways to rescore, each as one function of the same shape, for bench/speed/kernelStudy.ts. Not shipped; the one that is stands in
 * assembly/rescore.ts and assembly/tables.ts. 32 query rows.
 *
 * Of every passage p: best[p][i] = max over its tokens t of q15mulr(cell[code_t][i] + residual_t . query_i, norm_t), i16, with
 *
 *   startsPtr     u32[passages + 1]     tokens before each passage
 *   codesPtr      u16[T]                normsPtr   i16[T], fractions of 2^15
 *   residualsPtr  u8[T][rowBytes]       packed as in SPEC.md 5.1; a few bytes may be read past the end
 *   cellsPtr      i16[K][32]            64-byte aligned
 *   tablesPtr     what the variant says                       bestPtr    i16[passages][32]
 *   scratchPtr    64 bytes for each token of the longest passage, and 4,096 more
 */
export { fastScan, fastScanTransposed } from './fastScan'
export { blockedTables, byteTables, nibbleTables } from './lookUps'
export { decodeDot, relaxedDot } from './products'
