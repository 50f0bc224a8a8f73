/** A server of one's own, for Node, Bun and Deno: server.ts. */
import { type Deployed, type DeployFiles, lines, openingLines, quoted } from './deployed.ts'

export function serverFiles(deployed: Deployed): DeployFiles {
  return { 'server.ts': serverSource(deployed), 'README.md': readme(deployed) }
}

function serverSource({ plan, folder, encoder }: Deployed): string {
  return lines(
    '/** Search page and HTTP API over an index on disk. */',
    "import process from 'node:process'",
    "import { openIndexFiles } from 'tartan-search'",
    `import { compileKernels, filesAtPath, ${encoder ? 'openQueryEncoder, ' : ''}serveIndexes } from 'tartan-search/node'`,
    '',
    `const { INDEX = '${folder}', HOST = '0.0.0.0', PORT = '8080' } = process.env`,
    '',
    'const searcher = await openIndexFiles(await filesAtPath(INDEX), {',
    '  kernels: await compileKernels(),',
    ...openingLines(plan).map((line) => `  ${line}`),
    '})',
    encoder ? 'const encoder = await openQueryEncoder(searcher.info)' : undefined,
    'const { url } = await serveIndexes({',
    `  indexes: searcher,${encoder ? '\n  encoder,' : ''}`,
    '  host: HOST,',
    '  port: Number(PORT),',
    '})',
    'console.log(url)',
  )
}

function readme({ name, indexPath, encoder }: Deployed): string {
  return lines(
    `# ${name}`,
    '',
    `Written by \`tartan deploy-plan\`. ${encoder ? 'Texts are encoded by ONNX Runtime.' : 'Queries come as vectors.'}`,
    '',
    '```sh',
    `npm install tartan-search${encoder ? ' onnxruntime-node' : ''}`,
    `INDEX=${quoted(indexPath)} node server.ts     # Node 22.18 or newer; Bun and Deno run it too`,
    '```',
  )
}
