/**
 * Keeps the memory of queries that wait for storage bounded: a query takes a share before it reads and waits its turn when none
 * is left. Values only: on Workers a request must not wait for a promise of another one, and one that is cut off never
 * gives back, so waiting is looking again after a while, and a share that is held too long counts as given back.
 */
import { StorageError } from '../../format/errors.ts'

export interface TurnOptions {
  /** Of all shares together; one is always granted. */
  readonly bytesMax: number
  /** After so long a holder is taken to have been cut off. */
  readonly heldMaxMs: number
  /** After so long waiting is given up. */
  readonly waitMaxMs: number
}

/** Looks again after 1, 2, 4 … and at most so many ms. */
const PAUSE_MAX_MS = 32

export class Turns {
  readonly #options: TurnOptions
  #bytesMax: number
  /** Share to its bytes and when it was taken. */
  readonly #held = new Map<symbol, { readonly bytes: number; readonly since: number }>()

  constructor(options: TurnOptions) {
    this.#options = options
    this.#bytesMax = options.bytesMax
  }

  /** What all shares together may be from now on; those that are held stay. */
  limit(bytesMax: number): void {
    this.#bytesMax = bytesMax
  }

  /** Bytes of all shares now. */
  get heldBytes(): number {
    let bytes = 0
    for (const share of this.#held.values()) bytes += share.bytes
    return bytes
  }

  /**
   * @param deadline - on the clock of `Date.now`; waiting ends then, too
   * @returns gives the share back; to be called exactly once
   * @throws StorageError when there is no turn in time: too many queries at once
   */
  async take(bytes: number, deadline = Number.POSITIVE_INFINITY): Promise<() => void> {
    const started = performance.now()
    for (let pauseMs = 1; !this.#hasRoom(bytes); pauseMs = Math.min(PAUSE_MAX_MS, pauseMs * 2)) {
      const waitedMs = performance.now() - started
      if (waitedMs > this.#options.waitMaxMs || Date.now() > deadline) {
        throw new StorageError(
          `too many queries at once: ${this.#held.size} are being answered with ${this.heldBytes} bytes, and this one waited ${Math.round(waitedMs)} ms. Try again, or serve the index from more places.`,
          { queries: this.#held.size, bytes: this.heldBytes },
        )
      }
      await new Promise((resolve) => setTimeout(resolve, pauseMs))
    }
    const share = Symbol('share')
    this.#held.set(share, { bytes, since: performance.now() })
    return () => void this.#held.delete(share)
  }

  #hasRoom(bytes: number): boolean {
    const oldest = performance.now() - this.#options.heldMaxMs
    for (const [share, { since }] of this.#held) if (since < oldest) this.#held.delete(share)
    return this.#held.size === 0 || this.heldBytes + bytes <= this.#bytesMax
  }
}
