/**
 * How much of what a reader sees of real HTML pages is in passages, and how many anchors exist, by site: this checkout beside
 * another one. Usage and the meaning of each key: bench/README.md.
 */
import { execFile } from 'node:child_process'
import { copyFile, mkdir, readdir, rm } from 'node:fs/promises'
import { dirname, join, relative, resolve } from 'node:path'
import { promisify } from 'node:util'
import {
  cachePath,
  optionalInteger,
  progress,
  REQUIRED_FOLDER,
  rootPath,
  runBench,
  textTable,
} from '../harness/commandLine.ts'
import { startRecord, writeResult } from '../harness/record.ts'

const USAGE =
  'npm run -s bench:pages -- --sites FOLDER [--before CHECKOUT] [--per-site N] [--label NAME] [--python PYTHON]\n--before: another checkout that reads the same pages; --per-site: only so many pages of each site, evenly'

interface SiteSummary {
  readonly pages: number
  readonly words: number
  readonly words_kept: number
  readonly pages_over_2_percent: number
  readonly anchors: number
  readonly anchors_alive: number
  readonly navigation_in_passages: number
}

interface Judgement {
  readonly all: SiteSummary
  readonly sites: Readonly<Record<string, SiteSummary>>
}

const run = promisify(execFile)

await runBench(
  USAGE,
  { sites: REQUIRED_FOLDER, before: '', 'per-site': optionalInteger(), label: 'debdocs', python: 'python3' },
  async ({ sites, before, 'per-site': perSite, label, python }) => {
    const started = await startRecord('pages')
    const folder = perSite === undefined ? sites : await sampleOf(sites, perSite)
    const checkouts = { ...(before ? { before: resolve(before) } : {}), after: rootPath() }
    const readings: Record<string, unknown> = {}
    const files: string[] = []
    for (const [name, checkout] of Object.entries(checkouts)) {
      progress(`reading pages with ${name}`)
      const file = cachePath('pages', `${label}-${name}.jsonl`)
      await mkdir(dirname(file), { recursive: true })
      const { stdout } = await run(process.execPath, [rootPath('bench/pages/readPages.ts'), checkout, folder, file])
      readings[name] = { commit: await commitOf(checkout), ...JSON.parse(stdout) }
      files.push(`${name}=${file}`)
    }
    progress('judging')
    const fails = cachePath('pages', `${label}-fails.jsonl`)
    const { stdout } = await run(python, [rootPath('bench/pages/judge.py'), folder, fails, ...files], {
      maxBuffer: 1e9,
    })
    const judged = JSON.parse(stdout) as Readonly<Record<string, Judgement>>
    await writeResult(`pages-${label}`, started, {
      parameters: { per_site: perSite ?? 'all', readings },
      samples: { pages: judged.after?.all.pages },
      units: { words_kept: 'share of words', anchors_alive: 'share of anchors', pages_over_2_percent: 'pages' },
      metrics: judged,
    })
    process.stdout.write(`${tableOf(judged)}\n`)
  },
)

/** Copies of so many pages of each site, evenly over its paths. */
async function sampleOf(sites: string, perSite: number): Promise<string> {
  const sample = cachePath('pages', `sample-${perSite}`)
  await rm(sample, { recursive: true, force: true })
  for (const site of await readdir(sites)) {
    const entries = await readdir(join(sites, site), { recursive: true, withFileTypes: true })
    const paths = entries
      .filter((entry) => !entry.isDirectory() && /\.html?$/.test(entry.name))
      .map((entry) => relative(join(sites, site), join(entry.parentPath, entry.name)))
      .sort()
    const step = Math.max(1, Math.floor(paths.length / perSite))
    for (let i = 0; i < paths.length; i += step) {
      const to = join(sample, site, paths[i] ?? '')
      await mkdir(dirname(to), { recursive: true })
      await copyFile(join(sites, site, paths[i] ?? ''), to)
    }
  }
  return sample
}

async function commitOf(checkout: string): Promise<string> {
  const { stdout } = await run('git', ['rev-parse', '--short', 'HEAD'], { cwd: checkout })
  return stdout.trim()
}

function tableOf(judged: Readonly<Record<string, Judgement>>): string {
  const labels = Object.keys(judged)
  const columns = [
    'pages',
    'words',
    ...labels.flatMap((label) => [`kept ${label}`, `over 2 % ${label}`, `alive ${label}`]),
  ]
  const row = (name: string, of: (judgement: Judgement) => SiteSummary | undefined) => {
    const summaries = Object.values(judged).map(of)
    const each = summaries.flatMap((summary) => [
      percent(summary?.words_kept),
      String(summary?.pages_over_2_percent),
      percent(summary?.anchors_alive),
    ])
    return [name, String(summaries[0]?.pages), String(summaries[0]?.words), ...each]
  }
  const names = Object.keys(judged.after?.sites ?? {})
  const rows = names.map((name) => row(name, ({ sites }) => sites[name]))
  return textTable([['site', ...columns], ...rows, row('all', ({ all }) => all)])
}

function percent(share: number | undefined): string {
  return share === undefined ? '' : `${(share * 100).toFixed(1)} %`
}
