/** Makes web/build/page.html, the search page as one self-contained file, from page.html, page.css and page.ts. */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const web = new URL('../web/', import.meta.url)

/** The page with its style and script inside. */
export async function buildPage(): Promise<string> {
  const template = await readFile(new URL('page.html', web), 'utf8')
  const style = await bundle('page.css')
  const script = await bundle('page.ts')
  return insert(insert(template, '/* page.css */', style), '/* page.ts */', script)
}

async function bundle(file: string): Promise<string> {
  const result = await build({
    entryPoints: [fileURLToPath(new URL(file, web))],
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    target: 'es2022',
    legalComments: 'none',
  })
  return result.outputFiles[0]?.text.trim() ?? ''
}

/** Splits instead of replacing: "$&" in a script is not a pattern. */
function insert(template: string, slot: string, content: string): string {
  const parts = template.split(slot)
  if (parts.length !== 2) throw new Error(`web/page.html: expected "${slot}" once, got ${parts.length - 1} times`)
  return parts.join(content)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const page = await buildPage()
  await mkdir(new URL('build/', web), { recursive: true })
  await writeFile(new URL('build/page.html', web), page)
}
