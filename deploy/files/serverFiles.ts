/** A server of one's own, for Node, Bun and Deno: server.ts. */
import { type Deployed, type DeployFiles, INSTALL_NOTE, lines, openingLines, quoted } from './deployed.ts'

export function serverFiles(deployed: Deployed): DeployFiles {
  return { 'server.ts': serverSource(deployed), 'README.md': readme(deployed) }
}

function serverSource({ plan, folder, encoder }: Deployed): string {
  return lines(
    '/** Search page and HTTP API over an index on disk. */',
    "import process from 'node:process'",
    `import { ${encoder ? '' : 'createRemoteEncoder, '}openIndexFiles } from 'tartan-search'`,
    `import { compileKernels, filesAtPath, ${encoder ? 'openQueryEncoder, ' : ''}serveIndexes } from 'tartan-search/node'`,
    '',
    `const { INDEX = '${folder}', HOST = '0.0.0.0', PORT = '8080'${encoder ? '' : ', ENCODER_URL'} } = process.env`,
    '',
    'const searcher = await openIndexFiles(await filesAtPath(INDEX), {',
    '  kernels: await compileKernels(),',
    ...openingLines(plan).map((line) => `  ${line}`),
    '})',
    ...(encoder
      ? ['const encoder = await openQueryEncoder(searcher.info)']
      : [
          '// Another Tartan that encodes texts; without it queries come as vectors.',
          'const encoder = ENCODER_URL ? await createRemoteEncoder({ url: ENCODER_URL, index: searcher.info }) : undefined',
        ]),
    'const { url } = await serveIndexes({',
    '  indexes: searcher,',
    '  ...(encoder && { encoder }),',
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
    `Written by \`tartan deploy-plan\`. ${encoder ? 'Texts are encoded by ONNX Runtime.' : 'Queries come as vectors, or as texts where `ENCODER_URL` names another Tartan that encodes them.'}`,
    '',
    '```sh',
    `npm install tartan-search${encoder ? ' onnxruntime-node' : ''}`,
    `INDEX=${quoted(indexPath)} node server.ts     # Node 22.18 or newer; Bun and Deno run it too`,
    '```',
    '',
    INSTALL_NOTE,
  )
}
