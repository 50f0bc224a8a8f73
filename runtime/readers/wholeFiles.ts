/**
 * Storage that knows no byte ranges: each request brings a whole file, so what came is kept, and further ranges are answered from it.
 * Files that are kept and files on their way share a bound of memory. Values are kept, never promises: on Workers one request must not
 * wait for the I/O of another, so waiting is looking again (waiting/turns.ts).
 */
import { Turns } from '../waiting/turns.ts'

/** Bytes as the storage gave them: at least those asked for where the file has them. */
export interface FetchedRange {
  readonly bytes: Uint8Array
  /** Where `bytes` start in the file. */
  readonly offset: number
  /** Bytes of the whole file; undefined where the storage does not tell. */
  readonly size: number | undefined
  /** Changes when the file does: an ETag. It may change when the file does not. */
  readonly version?: string | undefined
  /** Whether the storage sent all of the file because it knows no ranges. */
  readonly isWhole?: boolean
}

/** A file that came damaged must not stay so: kept files are fetched anew after so long. */
const KEPT_MS = 60_000
/** Whoever fetches a file for longer is taken to have been cut off, as Workers do: the next one fetches it. */
const TURN_TIMES = { heldMaxMs: 20_000, waitMaxMs: 60_000 }

interface KeptFile {
  readonly fetched: FetchedRange
  readonly since: number
}

export class WholeFiles {
  readonly #bytesMax: number
  /** In the order of their last use. */
  readonly #kept = new Map<string, KeptFile>()
  readonly #turns: Turns
  /** Of one file only one request is under way. */
  readonly #turnsOfFile = new Map<string, Turns>()
  /** Whether the last answer was a whole file: before the next one is known, requests that would bring the same file wait. */
  #isExpected = false

  /** @param bytesMax - of files kept and on their way; one file may always be on its way */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
    this.#turns = new Turns({ bytesMax, ...TURN_TIMES })
  }

  /** What storage does is learnt from each of its answers. */
  learn({ isWhole = false }: FetchedRange): void {
    this.#isExpected = isWhole
  }

  /**
   * @param size - of the whole file
   * @param fetch - asks the storage for a range of it
   * @returns the range, or the whole file
   */
  async read(name: string, size: number, fetch: () => Promise<FetchedRange>): Promise<FetchedRange> {
    const ready = this.#find(name) ?? (this.#isExpected ? undefined : await this.#fetched(name, fetch))
    if (ready) return ready
    const turns = this.#turnsOfFile.get(name) ?? new Turns({ bytesMax: 1, ...TURN_TIMES })
    this.#turnsOfFile.set(name, turns)
    const giveBackFile = await turns.take(1)
    try {
      return this.#find(name) ?? (await this.#fetchedInTurn(name, size, fetch))
    } finally {
      giveBackFile()
    }
  }

  async #fetchedInTurn(name: string, size: number, fetch: () => Promise<FetchedRange>): Promise<FetchedRange> {
    // Meanwhile an answer may have shown that ranges are known here.
    if (!this.#isExpected) return this.#fetched(name, fetch)
    const giveBack = await this.#turns.take(size)
    try {
      this.#shrink(this.#bytesMax - this.#turns.heldBytes)
      return await this.#fetched(name, fetch)
    } finally {
      giveBack()
      this.#shrink(this.#bytesMax - this.#turns.heldBytes)
    }
  }

  async #fetched(name: string, fetch: () => Promise<FetchedRange>): Promise<FetchedRange> {
    const fetched = await fetch()
    this.learn(fetched)
    if (fetched.isWhole) this.#kept.set(name, { fetched, since: performance.now() })
    this.#shrink(this.#bytesMax)
    return fetched
  }

  #find(name: string): FetchedRange | undefined {
    const kept = this.#kept.get(name)
    if (!kept) return undefined
    this.#kept.delete(name)
    if (performance.now() - kept.since > KEPT_MS) return undefined
    this.#kept.set(name, kept)
    return kept.fetched
  }

  #shrink(bytesMax: number): void {
    let bytes = 0
    for (const { fetched } of this.#kept.values()) bytes += fetched.bytes.length
    for (const [name, { fetched }] of this.#kept) {
      if (bytes <= bytesMax) break
      bytes -= fetched.bytes.length
      this.#kept.delete(name)
    }
  }
}
