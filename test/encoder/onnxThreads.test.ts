/** The network in threads of its own: the same bits, and a main thread that stays free. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Encoder } from '../../encoder/encoder.ts'
import { ROOT } from '../../lab/root.ts'
import { openModel } from '../../runtime/platform/node/encoderNode.ts'
import { openOnnxThreads } from '../../runtime/platform/node/threads/onnxThreads.ts'

const TEXTS = ['An otter builds a bridge.', 'The lynx sleeps under an old oak tree by the river.', 'Twill weaves.']

let here: Encoder
let threads: Encoder
beforeAll(async () => {
  ;[here, threads] = await Promise.all([openModel('tartan-small'), openModel('tartan-small', { workers: 2 })])
})
afterAll(() => Promise.all([here.close(), threads.close()]))

describe('a model in threads', () => {
  it('gives the bits that it gives in this thread, for many texts at once', async () => {
    const expected = []
    for (const text of TEXTS) expected.push(await here.encodeQuery(text))
    expect(await Promise.all(TEXTS.map((text) => threads.encodeQuery(text)))).toEqual(expected)
    expect(await threads.encodePassages(TEXTS)).toEqual(await here.encodePassages(TEXTS))
  })

  it('lets other events of this thread happen while it encodes', async () => {
    const long = Array.from({ length: 2 }, (_, i) => `${i} ${TEXTS.join(' ').repeat(10)}`)
    let isDone = false
    const encoding = threads.encodePassages(long).finally(() => {
      isDone = true
    })
    let events = 0
    while (!isDone) {
      await new Promise((resolve) => setImmediate(resolve))
      events++
    }
    await encoding
    // ONNX Runtime's binding in this thread lets in two: before and after the run.
    expect(events).toBeGreaterThan(20)
  })

  it('refuses what waits when it is closed, and ends what runs', async () => {
    const model = await openModel('tartan-small', { workers: 1 })
    const waiting = Promise.allSettled(TEXTS.map((text) => model.encodeQuery(text)))
    await model.close()
    await expect(model.encodeQuery('late')).rejects.toThrow(/closed: open it again/)
    expect((await waiting).map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected'])
  })

  it('tells what is wrong with a model as this thread would', async () => {
    const bytes = await readFile(join(ROOT, 'package.json'))
    await expect(openOnnxThreads(bytes, 2, {})).rejects.toMatchObject({
      code: 'DEVICE',
      message: expect.stringContaining('could not start the model'),
    })
  })

  it.each([-1, 1.5, 65])('refuses %s threads', async (workers) => {
    await expect(openModel('tartan-small', { workers })).rejects.toThrow(/workers to be an integer in \[0, 64\]/)
  })
})
