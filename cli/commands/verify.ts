/** `tartan verify`: reads every byte of an index and checks everything the format promises. */
import { Command } from 'commander'
import { readIndex } from '../../format/indexReader.ts'
import { verifyIndex } from '../../format/verify.ts'
import { filesAtPath } from '../../runtime/platform/node/nodeFiles.ts'
import { jsonOption, quietOption } from '../options.ts'
import { createProgress, formatBytes, formatCounted } from '../terminal.ts'

export function verifyCommand(): Command {
  return new Command('verify')
    .argument('<index>', 'index folder or pack, or its address: https://…, s3://bucket/prefix')
    .addOption(jsonOption())
    .addOption(quietOption())
    .addHelpText('after', '\nExamples:\n  tartan verify corpus.tartan\n  tartan verify corpus.tartan --json && deploy')
    .action(verify)
}

async function verify(
  index: string,
  { json, quiet }: { readonly json?: boolean; readonly quiet?: boolean },
): Promise<void> {
  const files = await filesAtPath(index)
  const { manifest } = await readIndex(files)
  const progress = createProgress({ quiet: quiet || json })
  const total = manifest.parts.length + manifest.segments.length
  try {
    const report = await verifyIndex(files, manifest, (done) =>
      progress.onProgress({ stage: 'verify', done: Math.round(done * total), total, unit: 'files' }),
    )
    progress.stop()
    process.stdout.write(
      json
        ? `${JSON.stringify({ ok: true, ...report })}\n`
        : `${index} is sound: ${formatCounted(report.passages, 'passage')}, ${formatCounted(report.tokens, 'token')}, ${formatBytes(report.bytes)} in ${report.files} files\n`,
    )
  } finally {
    progress.stop()
    await files.close?.()
  }
}
