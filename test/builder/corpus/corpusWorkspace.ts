/** What the corpus tests share: a folder of their own for sources, and all passages of one of them. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, expect } from 'vitest'
import { type CorpusOptions, readCorpus } from '../../../builder/corpus/corpus.ts'
import type { CorpusPassage } from '../../../builder/corpus/passage.ts'

/** A function that writes a file into a folder which is removed after the tests, and returns its path. */
export function workspace(): (name: string, content: string | Uint8Array) => string {
  const folder = mkdtempSync(join(tmpdir(), 'tartan-corpus-'))
  afterAll(() => rmSync(folder, { recursive: true }))
  return (name, content) => {
    const path = join(folder, name)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, content)
    return path
  }
}

export async function readAll(source: string, options?: CorpusOptions): Promise<CorpusPassage[]> {
  return collect(readCorpus(source, options))
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const collected: T[] = []
  for await (const item of items) collected.push(item)
  return collected
}

export const inputError = (message: RegExp) =>
  expect.objectContaining({ code: 'INPUT', message: expect.stringMatching(message) })
