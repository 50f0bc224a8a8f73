/** `tartan inspect`: what an index consists of and what each section costs. */
import { Command } from 'commander'
import { readIndex } from '../../format/indexReader.ts'
import { type IndexSummary, summariseIndex } from '../../format/manifest/summary.ts'
import { filesAtPath } from '../../runtime/platform/node/nodeFiles.ts'
import { jsonOption } from '../options.ts'
import { formatBytes, formatCount, formatTable } from '../terminal.ts'
import { tiersTable } from '../tiersTable.ts'

export function inspectCommand(): Command {
  return new Command('inspect')
    .argument('<index>', 'index folder or pack, or its address: https://…, s3://bucket/prefix')
    .addOption(jsonOption())
    .addHelpText('after', '\nExamples:\n  tartan inspect corpus.tartan\n  tartan inspect corpus.tartan --json')
    .action(inspect)
}

async function inspect(index: string, { json }: { readonly json?: boolean }): Promise<void> {
  const files = await filesAtPath(index)
  const reader = await readIndex(files)
  const description = summariseIndex(reader.manifest)
  await reader.close()
  process.stdout.write(json ? `${JSON.stringify(description)}\n` : show(index, description))
}

function show(index: string, description: IndexSummary): string {
  const { encoder } = description
  const facts: (readonly [string, string])[] = [
    ['name', description.name],
    ['generation', String(description.generation)],
    ['built by', description.builder],
    ['passages', formatCount(description.passages)],
    ['tokens', formatCount(description.tokens)],
    ['deleted', formatCount(description.deleted)],
    ['segments', formatCount(description.segments)],
    ['quantisers', formatCount(description.quantisers)],
    ['requires', description.requires.join(', ') || 'nothing: every reader of its version reads it'],
    [
      'vectors',
      `${description.dim} dims, ${description.nbits} bits a residual value, ${formatCount(description.centroids)} centroids`,
    ],
    [
      'encoder',
      encoder ? `${encoder.model} (weights ${encoder.weightsSha256.slice(0, 12)})` : 'none: search with vectors',
    ],
    ['tiers', description.tiers ? 'below' : `none: Stanford's defaults; measure some with tartan tune`],
    ['size', `${formatBytes(description.bytes)} in ${description.parts + 1} files`],
    ['', `${description.bytesPerToken.toFixed(2)} bytes a token without ids and texts`],
  ]
  const sections = description.sections.map(
    ({ name, bytes, bytesPerToken }) => [name, formatCount(bytes), bytesPerToken.toFixed(3)] as const,
  )
  const tiers = description.tiers ? `\n${tiersTable(description.tiers, description.centroids)}` : ''
  return `${index}\n${facts.map(([key, value]) => `  ${key.padEnd(11)} ${value}`).join('\n')}\n\n${formatTable([['section', 'bytes', 'a token'], ...sections])}\n${tiers}`
}
