/**
 * What hosts give and take: the one table that `tartan deploy-plan` reckons with. Limits are those that the hosts document (read in
 * November 2026; they change: where one is near, look at the host's own page); measured figures name their file in bench/results/.
 */

export const HOST_NAMES = [
  'cloudflare-r2',
  'cloudflare-assets',
  'deno-deploy',
  'lambda-s3',
  'browser',
  'node-server',
] as const
export type HostName = (typeof HOST_NAMES)[number]

/** Other names of hosts: those of the folders in examples/, and short ones. */
const HOST_ALIASES: Readonly<Record<string, HostName>> = {
  'workers-r2': 'cloudflare-r2',
  'workers-assets': 'cloudflare-assets',
  'browser-static': 'browser',
  deno: 'deno-deploy',
  lambda: 'lambda-s3',
  node: 'node-server',
}

/** The host of a name, or of another name that it has. */
export function hostNamed(name: string): HostName | undefined {
  const known = HOST_NAMES.find((host) => host === name)
  return known ?? (Object.hasOwn(HOST_ALIASES, name) ? HOST_ALIASES[name] : undefined)
}

/** A limit that depends on what one pays. Equal where it does not. */
export interface PlanLimit {
  readonly free: number
  readonly paid: number
}

export interface HostFacts {
  readonly title: string
  /** MB (10^6 bytes) a program may have, ascending; several where whoever deploys chooses. */
  readonly memoryMb: readonly number[]
  /** Of these, what the JavaScript engine and the app take. */
  readonly reservedMb: number
  /** Of these, what an encoder takes while it is opened. */
  readonly encoderMb: number
  /** From nothing to the first encoded query, the model's files at hand. */
  readonly encoderColdMs: number
  /** Assumed, not measured: what the line between the program and its files does. */
  readonly line: Line
  /** Of one file of the index. */
  readonly fileBytesMax?: number
  /** Files of a deployment. */
  readonly filesMax?: PlanLimit
  /** Storage that knows no byte ranges: each read brings a whole part. */
  readonly wholeFiles?: true
  /**
   * Gzipped bytes of the script as bundled, kernels and search page included, and what an encoder adds: 3.68 MB of WebAssembly, the rest code. Absent where
   * nothing is bundled. test/platforms/deployFiles.test.ts bundles them anew and compares.
   */
  readonly script?: { readonly bytes: number; readonly encoderBytes: number }
  /** How often, at most, a program there looks whether its index was replaced. Absent where the index is deployed with the program. */
  readonly refreshMs?: number
  /** Of the script, gzipped. */
  readonly scriptBytesMax?: PlanLimit
}

export interface Line {
  readonly bytesPerSecond: number
  readonly roundTripMs: number
}

/** Of 128 MB an index may take 96 (runtime/searchers/openIndexFiles.ts), and 64 beside an encoder: docs/why/EDGE.md, edge-encode.json. */
const WORKER = {
  memoryMb: [128],
  reservedMb: 32,
  encoderMb: 32,
  encoderColdMs: 475,
  script: { bytes: 156_000, encoderBytes: 3_742_000 },
  // Stored copies of Cloudflare's page disagree (64 MiB in a later one): the smaller numbers are the safe ones.
  scriptBytesMax: { free: 3e6, paid: 10e6 },
}
/** Soon enough for whoever uploads an index, and a request a minute is next to nothing. */
const REFRESH_MS = 60_000
/** A Node process takes 103 MB before an index is opened: base_rss_mb of search-scifact-2bit-k10.json. Rounded up. */
const ENGINE_MB = 128
/** 43 MB held and, while it is opened, the 23 MB of the model's file: held_mb and opening_mb of edge-encode.json. */
const WEB_ENCODER_MB = 70

export const HOSTS: Readonly<Record<HostName, HostFacts>> = {
  'cloudflare-r2': {
    ...WORKER,
    title: 'Cloudflare Workers, R2',
    refreshMs: REFRESH_MS,
    line: { bytesPerSecond: 40e6, roundTripMs: 30 },
  },
  'cloudflare-assets': {
    ...WORKER,
    title: 'Cloudflare Workers, static assets',
    line: { bytesPerSecond: 40e6, roundTripMs: 15 },
    fileBytesMax: 25 * 2 ** 20,
    // As workerd serves them: examples/workers-assets.
    wholeFiles: true,
    filesMax: { free: 20_000, paid: 100_000 },
  },
  'deno-deploy': {
    title: 'Deno Deploy',
    refreshMs: REFRESH_MS,
    memoryMb: [512],
    reservedMb: ENGINE_MB,
    encoderMb: WEB_ENCODER_MB,
    encoderColdMs: 708,
    // To a static host or bucket elsewhere.
    line: { bytesPerSecond: 40e6, roundTripMs: 30 },
  },
  'lambda-s3': {
    title: 'AWS Lambda, S3',
    refreshMs: REFRESH_MS,
    memoryMb: [512, 1024, 2048, 3072, 4096, 6144, 8192, 10_240],
    reservedMb: ENGINE_MB,
    encoderMb: WEB_ENCODER_MB,
    encoderColdMs: 640,
    script: { bytes: 201_400, encoderBytes: 3_739_300 },
    line: { bytesPerSecond: 60e6, roundTripMs: 25 },
  },
  browser: {
    title: 'the browser, any static host',
    // What openBrowserIndex takes of a tab (runtime/platform/browser/openBrowser.ts).
    memoryMb: [512],
    reservedMb: 0,
    encoderMb: WEB_ENCODER_MB,
    encoderColdMs: 1340,
    script: { bytes: 52_800, encoderBytes: 3_713_600 },
    line: { bytesPerSecond: 6e6, roundTripMs: 40 },
  },
  'node-server': {
    title: 'a server: Node, Bun, Deno',
    refreshMs: REFRESH_MS,
    memoryMb: [512, 1024, 2048, 4096, 8192, 16_384, 32_768, 65_536],
    reservedMb: ENGINE_MB,
    // Assumed: the native library's own use is not measured.
    encoderMb: 128,
    encoderColdMs: 153,
    // A disk.
    line: { bytesPerSecond: 500e6, roundTripMs: 0.2 },
  },
}

/** What does not depend on the host. */
export const FIGURES = {
  /** The bundled model at int8 with its tokenizer: models/tartan-small/manifest.json. */
  modelBytes: 22_891_412 + 527_292,
  /** Requests for these, one after another: manifest, tokenizer, model. */
  modelRequests: 3,
  /**
   * Start to first answer in Node, files in the page cache: first_ms of search-scifact-2bit-k10.json and -4bit- (74 ms for 27.9 MB,
   * 85 ms for 51 MB) as a line, its start and its slope.
   */
  residentMs: { start: 62, perMegabyte: 0.44 },
  /** As above by range: of memory-syn1m.json, open_ms 422 and ms_median 85 for 29.5 MB, on a busy machine. */
  rangeMs: { start: 62, perMegabyte: 15 },
  /**
   * Of one warm query: ms_median of peers-scifact.json, ms_median 85 for 131,072 centroids of memory-syn1m.json, and what workerd
   * takes to encode a text (edge-encode.json).
   */
  searchMs: { resident: 2, rangePerCentroid: 85 / 131_072, encode: 21 },
  /** Rows of a query when the index does not say. */
  queryRows: 32,
  /**
   * Reads that the posting lists of a query take, for each list: 95 lists in 20.4 reads, centroids by neighbours
   * (order-scifact-2bit.json); at one million passages 23 for 96 (memory-syn1m.json).
   */
  readsPerList: 0.22,
  /** Gaps that are read over, in mean lists for each list that needs no read of its own: 3.5 and 2.0 in the same files. */
  gapLists: 2.5,
} as const
