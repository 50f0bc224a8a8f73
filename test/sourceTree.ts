/** The project's own files as text and as syntax trees, for the tests that keep the house in order. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseAst } from 'vitest/node'
import { ROOT } from '../lab/root.ts'

/** A file of the project: its path from the root with "/", and what it holds. */
export interface SourceFile {
  readonly path: string
  readonly text: string
}

/** What is not ours or is made by a build. Names that begin with a dot are passed over as well. */
const NOT_OURS = new Set(['node_modules', 'build', 'dist', 'golden', 'results', 'public', 'site'])

/** Paths from the root of all files of the project that end in one of `extensions`, sorted. */
export function listFiles(extensions: readonly string[], folder = ''): readonly string[] {
  const found: string[] = []
  for (const entry of readdirSync(join(ROOT, folder), { withFileTypes: true })) {
    const path = folder ? `${folder}/${entry.name}` : entry.name
    if (entry.name.startsWith('.') || NOT_OURS.has(entry.name) || entry.name.endsWith('.tartan')) continue
    if (entry.isDirectory()) found.push(...listFiles(extensions, path))
    else if (extensions.some((extension) => entry.name.endsWith(extension))) found.push(path)
  }
  return found.sort()
}

export function readSource(path: string): SourceFile {
  return { path, text: readFileSync(join(ROOT, path), 'utf8') }
}

/** A node of an ESTree with TypeScript; only what the tests look at. */
export interface SyntaxNode {
  readonly type: string
  readonly start: number
  readonly end: number
  readonly [field: string]: unknown
}

/** All nodes of a file, parents before their children. @throws SyntaxError */
export function syntaxNodes({ path, text }: SourceFile): readonly SyntaxNode[] {
  // AssemblyScript's decorators of functions are no TypeScript; blanks of the same length keep positions.
  const source = path.startsWith('assembly/') ? text.replace(/^@\w+/gm, (found) => ' '.repeat(found.length)) : text
  const nodes: SyntaxNode[] = []
  const visit = (value: unknown) => {
    if (Array.isArray(value)) value.forEach(visit)
    else if (isNode(value)) {
      nodes.push(value)
      for (const child of Object.values(value)) visit(child)
    }
  }
  visit(parseAst(source, { lang: path.endsWith('.js') ? 'js' : 'ts' }, path))
  return nodes
}

/** 1-based line of a position. */
export function lineOf(text: string, position: number): number {
  return text.slice(0, position).split('\n').length
}

export function isNode(value: unknown): value is SyntaxNode {
  return value !== null && typeof value === 'object' && typeof (value as SyntaxNode).type === 'string'
}
