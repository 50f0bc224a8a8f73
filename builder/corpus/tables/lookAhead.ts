/** Items of a stream that may be looked at before they are taken. */
export class LookAhead<T> {
  readonly #items: AsyncIterator<T>
  readonly #ahead: T[] = []

  constructor(items: AsyncIterable<T>) {
    this.#items = items[Symbol.asyncIterator]()
  }

  /** The next item, taken; undefined at the end. */
  async next(): Promise<T | undefined> {
    const [first] = this.#ahead.splice(0, 1)
    return first ?? (await this.#read())
  }

  /** The item after `count` others, left where it is; undefined beyond the end. */
  async peek(count = 0): Promise<T | undefined> {
    while (this.#ahead.length <= count) {
      const item = await this.#read()
      if (item === undefined) return undefined
      this.#ahead.push(item)
    }
    return this.#ahead[count]
  }

  /** What was not taken. */
  async *rest(): AsyncGenerator<T> {
    try {
      for (let item = await this.next(); item !== undefined; item = await this.next()) yield item
    } finally {
      await this.close()
    }
  }

  /** Lets go of the stream, whether it was read to its end or not. */
  async close(): Promise<void> {
    await this.#items.return?.()
  }

  async #read(): Promise<T | undefined> {
    const { done, value } = await this.#items.next()
    return done ? undefined : value
  }
}
