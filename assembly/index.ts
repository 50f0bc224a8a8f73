/** What kernels.wasm exports. README.md beside this file has the table of kernels. */
export { approximate, selectTop } from './approximate'
export { distinctCells } from './distinct'
export { collectPids, countPids, gather } from './gather'
export { scoreCentroids, topCells } from './probe'
export { refine } from './refine'
export { rescore, tokenScores } from './rescore'
export { buildTables } from './tables'
export { crc32c, validateBlocks } from './validate'
