/** Bytes of an index by section and by token, at 4, 2 and 1 bits. Usage and the meaning of each key: bench/README.md. */

import { readIndex } from '../format/indexReader.ts'
import type { SectionName } from '../format/manifest/sections.ts'
import type { Nbits } from '../format/manifest/segment.ts'
import { type IndexSummary, summariseIndex } from '../format/manifest/summary.ts'
import { filesAtPath } from '../runtime/platform/node/nodeFiles.ts'
import { cachedIndex } from './harness/cachedIndex.ts'
import { labelOf, REQUIRED_FOLDER, runBench, someNbits, textTable } from './harness/commandLine.ts'
import { openJudgedVectors } from './harness/judgedVectors.ts'
import { startRecord, writeResult } from './harness/record.ts'
import { significant } from './harness/samples.ts'

const USAGE = 'npm run -s bench:size -- --vectors FOLDER [--nbits 4,2,1] [--label NAME]'

/** Bytes a token without texts that we want for SciFact at 96 dims. Stated, not enforced. */
const TARGET_BYTES_PER_TOKEN: Readonly<Partial<Record<Nbits, number>>> = { 2: 30 }
const TEXT_SECTIONS: ReadonlySet<SectionName> = new Set(['textBlocks', 'texts'])

await runBench(USAGE, { vectors: REQUIRED_FOLDER, nbits: someNbits('4,2,1'), label: '' }, async (options) => {
  const label = labelOf(options.vectors, options.label)
  const started = await startRecord('size')
  const vectors = await openJudgedVectors(options.vectors)
  const indexes = []
  for (const nbits of options.nbits) {
    const { path, report } = await cachedIndex(vectors, { nbits, label })
    const reader = await readIndex(await filesAtPath(path))
    const description = summariseIndex(reader.manifest)
    await reader.close()
    indexes.push(sizesOf(description, report.bytes))
  }
  const { passages, tokens, dim } = indexes[0]!
  await writeResult(`size-${label}`, started, {
    parameters: { label, passages, tokens, dim },
    samples: { count: 1, why: 'the same input and options give the same bytes' },
    units: { '*bytes': 'bytes', '*bytes_per_token': 'bytes a token vector' },
    metrics: { indexes },
  })
  process.stdout.write(`${table(indexes)}\n`)
  await vectors.store.close()
})

type Sizes = ReturnType<typeof sizesOf>

/** @param bytesOnDisk - all files, the manifest included */
function sizesOf(description: IndexSummary, bytesOnDisk: number) {
  const { nbits, passages, tokens, dim, centroids } = description
  const sections = description.sections.map(({ name, bytes, bytesPerToken }) => ({
    name,
    bytes,
    bytes_per_token: significant(bytesPerToken),
  }))
  const inSections = sections.reduce((sum, { bytes }) => sum + bytes, 0)
  const texts = sections.reduce((sum, { name, bytes }) => sum + (TEXT_SECTIONS.has(name) ? bytes : 0), 0)
  const target = TARGET_BYTES_PER_TOKEN[nbits]
  const withoutTexts = significant((bytesOnDisk - texts) / tokens)
  return {
    nbits,
    passages,
    tokens,
    dim,
    centroids,
    index_bytes: bytesOnDisk,
    search_bytes_per_token: significant(description.bytesPerToken),
    without_texts_bytes_per_token: withoutTexts,
    ...(target === undefined ? {} : { target_bytes_per_token: target, within_target: withoutTexts <= target }),
    sections,
    /** Manifest, headers of parts, alignment and padding. */
    container_bytes: bytesOnDisk - inSections,
    container_bytes_per_token: significant((bytesOnDisk - inSections) / tokens),
  }
}

function table(indexes: readonly Sizes[]): string {
  const names = indexes[0]!.sections.map(({ name }) => name)
  const row = (heading: string, of: (sizes: Sizes) => number) => [
    heading,
    ...indexes.map((sizes) => of(sizes).toFixed(3)),
  ]
  return textTable([
    ['bytes a token', ...indexes.map(({ nbits }) => `${nbits}-bit`)],
    ...names.map((name) =>
      row(name, ({ sections }) => sections.find((section) => section.name === name)!.bytes_per_token),
    ),
    row('container', (sizes) => sizes.container_bytes_per_token),
    row('to search', (sizes) => sizes.search_bytes_per_token),
    row('all but texts', (sizes) => sizes.without_texts_bytes_per_token),
  ])
}
