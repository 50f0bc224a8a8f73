/**
 * Memory of an index that is read by range, beside what was predicted from its manifest alone: one JSON line. Made for
 * `bench:synthetic`'s indexes, whose queries lie beside them. Usage and keys: bench/README.md.
 */
import { InputError } from '../../../format/errors.ts'
import { readIndex } from '../../../format/indexReader.ts'
import { summariseIndex } from '../../../format/manifest/summary.ts'
import { filesAtPath } from '../../../runtime/platform/node/nodeFiles.ts'
import { defaultBudget } from '../../../runtime/search/range/rangeParameters.ts'
import { rangeNeed, residentNeed } from '../../../runtime/searchers/memoryNeed.ts'
import { integer, labelOf, REQUIRED_FOLDER, runBench } from '../../harness/commandLine.ts'
import { runFresh } from '../../harness/freshProcess.ts'
import { startRecord, writeResult } from '../../harness/record.ts'
import { significant } from '../../harness/samples.ts'
import { measureWorkerdRange, WORKERD_FLAGS } from '../workerdRange.ts'
import type { MemoryTask, MemoryUse } from './memoryChild.ts'

const USAGE =
  'npm run -s bench:memory -- --index FOLDER [--host node|workerd] [--memory-max 96000000] [--concurrent 50] [--queries FILE] [--label NAME]'

/** A small heap, so that garbage is collected as in an isolate that has 128 MB for everything. */
const LIKE_A_WORKER = ['--max-old-space-size=32', '--max-semi-space-size=1', '--expose-gc']

const inNode = (task: MemoryTask) =>
  runFresh<MemoryUse>(new URL('memoryChild.ts', import.meta.url), task, { node: LIKE_A_WORKER })

await runBench(
  USAGE,
  {
    ...{ index: REQUIRED_FOLDER, host: 'node', queries: '', label: '' },
    ...{ 'memory-max': integer(96e6, 4e9, 1e6), concurrent: integer(50, 10_000) },
  },
  async ({ index, 'memory-max': memoryMax, concurrent, ...options }) => {
    const started = await startRecord('memory')
    const reader = await readIndex(await filesAtPath(index))
    const { manifest, bytes } = reader
    await reader.close()
    const task: MemoryTask = { index, queries: options.queries || `${index}.queries.json`, memoryMax, concurrent }
    const { host } = options
    if (host !== 'node' && host !== 'workerd') throw new InputError(`--host: expected node or workerd, got "${host}"`)
    const use = host === 'node' ? await inNode(task) : await measureWorkerdRange(task)
    const { passages, tokens, centroids, dim, nbits } = summariseIndex(manifest)
    const predicted = {
      range: rangeNeed(manifest, defaultBudget(manifest.segments.length).bytes),
      resident: residentNeed(manifest),
    }
    const line = {
      ...{ passages, tokens, centroids, index_bytes: bytes },
      ...Object.fromEntries(
        Object.entries(use).map(([key, value]) => [key, typeof value === 'number' ? significant(value) : value]),
      ),
    }
    await writeResult(`memory-${labelOf(index, options.label)}${host === 'node' ? '' : `-${host}`}`, started, {
      parameters: {
        memory_max: memoryMax,
        concurrent,
        host,
        flags: (host === 'node' ? LIKE_A_WORKER : WORKERD_FLAGS).join(' '),
        dim,
        nbits,
      },
      samples: { queries: 'those beside the index', passes: 'one after another, then so many at a time' },
      units: { '*_bytes': 'bytes', '*_mb': '10^6 bytes', '*_ms': 'milliseconds', found_first: 'share, 0 to 1' },
      metrics: { ...line, predicted },
    })
    process.stdout.write(`${JSON.stringify(line)}\n`)
  },
)
