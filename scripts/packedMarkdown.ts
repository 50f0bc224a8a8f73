/**
 * Markdown for the npm package: relative links become addresses of the repository. The other way, to ship docs/ and bench/, was
 * not taken: a registry's page follows no link into a package and shows no picture of it, and each installation would carry
 * plots and screenshots.
 */
import { posix } from 'node:path'

/** Where the repository's files are shown and where they lie as bytes. */
export interface RepositoryAddress {
  /** E.g. "https://github.com/owner/name", without a "/" at the end. */
  readonly url: string
  /** Tag, branch or commit that the links name: a release links to what belongs to it, not to what comes later. */
  readonly ref: string
}

/** Fenced code and inline code, which are kept as they are. */
const CODE = /(^```[\s\S]*?^```|`[^`\n]*`)/m
/** `](target` of links and pictures, with the "!" and text of a picture; `[name]: target` of definitions; `src`, `href` of HTML. */
const LINK =
  /(!\[[^\]]*\]\(|\]\(|^\[[^\]]+\]:\s*|<img\b[^>]*?\bsrc="|<source\b[^>]*?\bsrcset="|<a\b[^>]*?\bhref=")([^)\s"]+)/gm

/**
 * @param markdown - text of a file of the repository
 * @param path - that file's path from the root of the repository, with "/"
 * @returns the same text, with every relative link and picture's source as an absolute address; anchors inside the page, and
 *   code, stay as they are
 * @throws Error for a link that leaves the repository
 */
export function absoluteLinks(markdown: string, path: string, repository: RepositoryAddress): string {
  // Split at code: the odd pieces are what the pattern's one group caught.
  return markdown
    .split(new RegExp(CODE, 'gm'))
    .map((piece, i) => (i % 2 === 1 ? piece : absoluteInProse(piece, path, repository)))
    .join('')
}

function absoluteInProse(prose: string, path: string, { url, ref }: RepositoryAddress): string {
  return prose.replace(LINK, (whole, before: string, target: string) => {
    if (/^([a-z][a-z0-9+.-]*:|\/\/|#)/i.test(target)) return whole
    const [file = '', anchor] = target.split('#')
    const found = posix.normalize(posix.join(posix.dirname(path), file))
    if (found.startsWith('..')) throw new Error(`"${path}" links to "${target}", which is not in the repository`)
    const isPicture = /^(!|<img|<source)/.test(before)
    const place = isPicture ? `${rawUrl(url)}/${ref}` : `${url}/${found.endsWith('/') ? 'tree' : 'blob'}/${ref}`
    return `${before}${place}/${found.replace(/\/$/, '')}${anchor === undefined ? '' : `#${anchor}`}`
  })
}

/** Where the host of the repository serves files as they are: pictures, above all. */
function rawUrl(url: string): string {
  return url.replace('https://github.com/', 'https://raw.githubusercontent.com/')
}
