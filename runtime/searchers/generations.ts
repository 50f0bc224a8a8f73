/**
 * The generations of an index that a searcher holds: the newest one, and those that queries under way began with. A query keeps the
 * generation it began with to its end; a generation that was replaced goes after its last query.
 */
import {
  ChecksumError,
  FormatError,
  MissingPartError,
  OtherFileError,
  RangeReadError,
  StorageError,
} from '../../format/errors.ts'
import type { SearcherHealth, Trouble } from '../searcher.ts'
import { Turns } from '../waiting/turns.ts'

/** Only one opens a new generation at a time. */
const TURN_TIMES = { heldMaxMs: 60_000, waitMaxMs: 30_000 }
/** How often it is looked whether the last query of an old generation has ended. */
const POLL_MS = 5
/** A look at storage holds so long, and may take so long. */
const PROBE_TIMES = { holdsMs: 2000, waitMaxMs: 5000 }

export interface GenerationsOptions<T> {
  readonly first: T
  /** For messages: where the index is. */
  readonly key: string
  /**
   * The generation that is in storage now; undefined when it is the one given.
   * @param isPartMissing - of the one given: then there is most likely another, whatever a storage's version of the manifest says
   * @throws what opening throws
   */
  readonly openNewer: (current: T, isPartMissing: boolean) => Promise<T | undefined>
  /** Gives back what a generation holds. */
  readonly close: (generation: T) => Promise<void>
  /**
   * Reads a little of what queries read.
   * @param failure - of the last query, when it failed
   * @throws what reading throws
   */
  readonly probe: (generation: T, failure?: unknown) => Promise<void>
  /** Looked for in storage when a query begins and this long has passed since the last look; undefined: only when asked, or a part is not what it was. */
  readonly refreshMs?: number | undefined
}

/** A generation with how often one was opened before it. */
export interface Opened<T> {
  readonly value: T
  readonly opening: number
}

export class Generations<T extends object> {
  readonly #options: GenerationsOptions<T>
  readonly #turns = new Turns({ bytesMax: 1, ...TURN_TIMES })
  /** Queries under way over each generation, and when the last of them began. */
  readonly #users = new Map<Opened<T>, { readonly count: number; readonly since: number }>()
  #current: Opened<T>
  #lookedAt = performance.now()
  /** When it was last looked because of a part. */
  #missedAt = Number.NEGATIVE_INFINITY
  /** Calls of `use` and `refresh` that have not ended: counted from the moment they are made. */
  #underWay = 0
  #isClosed = false
  /** Queries fail since then, without one that did not. */
  #queryTrouble: Trouble | undefined
  /** Looks for a newer generation fail. */
  #refreshTrouble: Trouble | undefined
  #probed: { readonly at: number; readonly trouble: Trouble | undefined } | undefined

  constructor(options: GenerationsOptions<T>) {
    this.#options = options
    this.#current = { value: options.first, opening: 0 }
  }

  get current(): Opened<T> {
    return this.#current
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /**
   * Work over the current generation; once more over the next one when a part is not what it was because the index was replaced.
   * @throws what the work throws
   */
  use<R>(work: (generation: Opened<T>) => Promise<R>): Promise<R> {
    return this.#counted(async () => {
      try {
        const result = await this.#onNewest(work)
        this.#queryTrouble = undefined
        return result
      } catch (error) {
        if (isOfStorage(error)) this.#queryTrouble = { since: this.#queryTrouble?.since ?? new Date(), error }
        throw error
      }
    })
  }

  async #onNewest<R>(work: (generation: Opened<T>) => Promise<R>): Promise<R> {
    await this.#refreshWhenDue()
    const generation = this.#current
    try {
      return await this.#using(generation, work)
    } catch (error) {
      if (!isOfAnother(error)) throw error
      return this.#using(await this.#newerThan(generation, error), work)
    }
  }

  /** What fails now: queries, by reading what the last one failed with or anything else of storage; and looks for a newer generation. */
  async health(): Promise<SearcherHealth> {
    if (!this.#probed || performance.now() - this.#probed.at > PROBE_TIMES.holdsMs) {
      const trouble = await this.#probe()
      this.#probed = { at: performance.now(), trouble }
    }
    const [storage, refresh] = [this.#probed.trouble, this.#refreshTrouble]
    return { ...(storage ? { storage } : {}), ...(refresh ? { refresh } : {}) }
  }

  async #probe(): Promise<Trouble | undefined> {
    const since = this.#probed?.trouble?.since ?? this.#queryTrouble?.since ?? new Date()
    const failure = this.#queryTrouble?.error
    let timer: ReturnType<typeof setTimeout> | undefined
    const tooLong = new Promise<never>((_, reject) => {
      const late = () =>
        reject(new StorageError(`"${this.#options.key}": no answer within ${PROBE_TIMES.waitMaxMs} ms.`))
      timer = setTimeout(late, PROBE_TIMES.waitMaxMs)
    })
    try {
      await Promise.race([this.use(({ value }) => this.#options.probe(value, failure)), tooLong])
      return undefined
    } catch (error) {
      return { since, error }
    } finally {
      clearTimeout(timer)
    }
  }

  /** @returns whether there was a newer generation than the current one */
  refresh(): Promise<boolean> {
    return this.#counted(async () => {
      const before = this.#current
      return (await this.#look(before)) !== before
    })
  }

  /** After it no work begins; work that is under way ends first. */
  async close(): Promise<void> {
    this.#isClosed = true
    while (this.#underWay > 0) await new Promise((resolve) => setTimeout(resolve, 1))
    await this.#options.close(this.#current.value)
  }

  async #counted<R>(work: () => Promise<R>): Promise<R> {
    this.#underWay++
    try {
      return await work()
    } finally {
      this.#underWay--
    }
  }

  /** The query that finds the time passed looks; others go on with what there is. What fails then is no failure of the query. */
  async #refreshWhenDue(): Promise<void> {
    const { refreshMs } = this.#options
    if (refreshMs === undefined || performance.now() - this.#lookedAt < refreshMs) return
    this.#lookedAt = performance.now()
    // Nor does a query wait for those of others.
    if (this.#hasOlder()) return
    await this.#look(this.#current).catch(() => undefined)
  }

  async #using<R>(generation: Opened<T>, work: (generation: Opened<T>) => Promise<R>): Promise<R> {
    const before = this.#users.get(generation)?.count ?? 0
    this.#users.set(generation, { count: before + 1, since: performance.now() })
    try {
      return await work(generation)
    } finally {
      const { count, since } = this.#users.get(generation) ?? { count: 1, since: 0 }
      if (count > 1) this.#users.set(generation, { count: count - 1, since })
      else {
        this.#users.delete(generation)
        if (generation !== this.#current) await this.#options.close(generation.value)
      }
    }
  }

  /** @throws the cause when there is no newer generation */
  async #newerThan(old: Opened<T>, cause: Error): Promise<Opened<T>> {
    const newer = await this.#look(old, true).catch((error: unknown) => {
      // Whoever asks is told why the query failed, unless it is the manifest that says more: it is gone as well, or names what is not there.
      throw cause instanceof MissingPartError ? error : cause
    })
    if (newer !== old) return newer
    if (!(cause instanceof MissingPartError)) throw cause
    throw new StorageError(
      `"${this.#options.key}": a part of the index is missing, and there is no newer generation. Copy the index again, parts first.`,
      { ...cause.detail },
      { cause },
    )
  }

  /**
   * Only one at a time, and not before the last query on the generation before has ended: so there are never more than two in memory.
   * The others look again at what it found.
   */
  async #look(known: Opened<T>, isPartMissing = false): Promise<Opened<T>> {
    const asked = performance.now()
    const giveBack = await this.#turns.take(1)
    try {
      const old = this.#current
      if (old !== known) return old
      // Queries that fail together look together: what was looked for since this one asked is not there.
      if (isPartMissing && this.#missedAt > asked) return old
      await this.#untilAlone()
      this.#lookedAt = performance.now()
      if (isPartMissing) this.#missedAt = this.#lookedAt
      const value = await this.#options.openNewer(old.value, isPartMissing)
      this.#refreshTrouble = undefined
      if (!value) return old
      this.#current = { value, opening: old.opening + 1 }
      if (!this.#users.has(old)) await this.#options.close(old.value)
      return this.#current
    } catch (error) {
      this.#refreshTrouble = { since: this.#refreshTrouble?.since ?? new Date(), error }
      throw error
    } finally {
      giveBack()
    }
  }

  /** @throws StorageError when queries on an older generation take too long */
  async #untilAlone(): Promise<void> {
    const started = performance.now()
    while (this.#hasOlder()) {
      if (performance.now() - started > TURN_TIMES.waitMaxMs) {
        throw new StorageError(
          `"${this.#options.key}": the index was replaced again while queries still work on the generation before. Try again when they have ended.`,
        )
      }
      await new Promise((resolve) => setTimeout(resolve, POLL_MS))
    }
  }

  /** Whether queries work on an older generation. Those that began too long ago are taken to have been cut off, as Workers do. */
  #hasOlder(): boolean {
    const oldest = performance.now() - TURN_TIMES.heldMaxMs
    return [...this.#users].some(([generation, { since }]) => generation !== this.#current && since > oldest)
  }
}

/**
 * Whether what was read is most likely of another generation: a part is gone, storage gives something else under its name (a refusal, a
 * page, another size), or it has bytes that the manifest did not promise.
 */
function isOfAnother(error: unknown): error is Error {
  return [MissingPartError, OtherFileError, ChecksumError, FormatError].some((kind) => error instanceof kind)
}

/** Whether a failure is one of what is read, and not of whoever asks. */
function isOfStorage(error: unknown): boolean {
  return isOfAnother(error) || error instanceof StorageError || error instanceof RangeReadError
}
