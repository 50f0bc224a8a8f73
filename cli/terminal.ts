/** What the commands print and how: progress on stderr, answers on stdout, errors in one shape. */
import cliProgress from 'cli-progress'
import pc from 'picocolors'
import type { OnProgress, ProgressEvent, Stage } from '../builder/progress.ts'
import type { Leftover } from '../builder/publish/leftovers.ts'
import { TartanError } from '../format/errors.ts'

export const EXIT_OK = 0
/** Something was wrong with input, index, storage or device: a TartanError. */
export const EXIT_FAILURE = 1
/** The command line itself was wrong. */
export const EXIT_USAGE = 2
/** A bug in Tartan. */
export const EXIT_BUG = 70
/** Stopped with Ctrl-C, as shells number it: 128 + SIGINT. */
export const EXIT_INTERRUPTED = 130

const STAGE_TITLES: Readonly<Record<Stage, string>> = {
  read: 'Reading the corpus',
  encode: 'Encoding passages',
  sample: 'Sampling passages',
  kmeans: 'Clustering (k-means)',
  codec: 'Training the residual codec',
  code: 'Compressing tokens',
  order: 'Ordering passages',
  invert: 'Inverting codes',
  write: 'Writing parts',
  verify: 'Verifying',
  queries: 'Encoding queries',
  exact: 'Exact MaxSim to compare with',
  tune: 'Measuring settings',
}
/** Without a terminal, a line at most this often: enough for a CI log, not too much. */
const LINE_INTERVAL_MS = 10_000

export interface Progress {
  readonly onProgress: OnProgress
  /** Ends the stage under way; call before anything else is printed. */
  stop(): void
}

/** A bar with rate and time left on a terminal; plain lines otherwise; nothing when `quiet`. */
export function createProgress({ quiet = false }: { readonly quiet?: boolean } = {}): Progress {
  if (quiet) return { onProgress: () => undefined, stop: () => undefined }
  return process.stderr.isTTY ? barProgress() : lineProgress()
}

function barProgress(): Progress {
  let stage: Stage | undefined
  let started = 0
  let bar: cliProgress.SingleBar | undefined
  const stop = () => {
    bar?.stop()
    bar = undefined
    stage = undefined
  }
  return {
    onProgress(event) {
      if (event.stage !== stage) {
        stop()
        stage = event.stage
        started = performance.now()
        bar = new cliProgress.SingleBar({
          stream: process.stderr,
          format: (_options, _params, payload) => barLine(payload.event as ProgressEvent, payload.seconds as number),
          hideCursor: true,
          clearOnComplete: false,
          gracefulExit: false,
        })
        bar.start(event.total ?? 1, 0, { event, seconds: 0 })
      }
      bar?.update(event.done, { event, seconds: (performance.now() - started) / 1000 })
    },
    stop,
  }
}

/** A terminal that is narrower gets the stage and what is left, without rate and bar. */
const WIDE_COLUMNS = 110

function barLine(event: ProgressEvent, seconds: number): string {
  const { done, total, unit } = event
  const title = `${stepOf(event)}${STAGE_TITLES[event.stage]}`.padEnd(event.overall ? 40 : 28)
  const isWide = (process.stderr.columns ?? WIDE_COLUMNS) >= WIDE_COLUMNS
  const rate = isWide && seconds > 0.5 ? `${formatCount(done / seconds)} ${unit}/s` : ''
  if (total === undefined) return `${title} ${formatCount(done)} ${unit}  ${rate}${leftInAll(event)}`
  const share = total > 0 ? done / total : 1
  const filled = Math.round(share * 16)
  const bar = isWide ? `${pc.cyan('━'.repeat(filled))}${pc.dim('━'.repeat(16 - filled))} ` : ''
  const percent = `${Math.round(share * 100)} %`.padStart(5)
  const time = done >= total ? formatSeconds(seconds) : event.overall ? '' : leftOfStage(event, seconds)
  const parts = [`${bar}${percent}`, `${formatCount(done)}/${formatCount(total)} ${unit}`, rate, time]
  return `${title} ${parts.filter((part) => part !== '').join('  ')}${leftInAll(event)}`
}

/** "stage 3 of 7 · ". */
const stepOf = ({ overall }: ProgressEvent) => (overall ? `stage ${overall.step} of ${overall.steps} · ` : '')

/** " · about 4 min left in all". */
function leftInAll({ overall }: ProgressEvent): string {
  return overall?.secondsLeft === undefined ? '' : ` · ${formatAbout(overall.secondsLeft)} left in all`
}

function leftOfStage({ done, total }: ProgressEvent, seconds: number): string {
  if (!total || done === 0 || done >= total || seconds <= 0.5) return ''
  return `${formatSeconds((seconds / done) * (total - done))} left`
}

function lineProgress(): Progress {
  let stage: Stage | undefined
  let started = 0
  let printed = 0
  const line = (event: ProgressEvent, now: number) => {
    const { done, total, unit } = event
    const seconds = (now - started) / 1000
    const rate = seconds > 0.5 ? `${formatCount(done / seconds)} ${unit}/s` : ''
    const left = event.overall ? '' : leftOfStage(event, seconds)
    const count = `${done}${total === undefined ? '' : `/${total}`} ${unit}`
    const parts = [count, rate, left].filter((part) => part !== '').join(', ')
    process.stderr.write(`${stepOf(event)}${STAGE_TITLES[event.stage]}: ${parts}${leftInAll(event)}\n`)
    printed = now
  }
  return {
    onProgress(event) {
      const now = performance.now()
      const isNew = event.stage !== stage
      if (isNew) {
        stage = event.stage
        started = now
      }
      const isLast = event.total !== undefined && event.done >= event.total
      if ((isLast && !(isNew && event.done === 0)) || now - printed > LINE_INTERVAL_MS) line(event, now)
    },
    stop() {
      stage = undefined
    },
  }
}

/** An estimate, no finer than it can be known: "a few seconds", "about 40 s", "about 4 min", "about 2.5 h". */
export function formatAbout(seconds: number): string {
  if (seconds < 10) return 'a few seconds'
  if (seconds < 95) return `about ${Math.round(seconds / 10) * 10} s`
  const minutes = Math.round(seconds / 60)
  return minutes < 90 ? `about ${minutes} min` : `about ${Math.round(minutes / 30) / 2} h`
}

/** "1 passage", "1,234 passages". */
export function formatCounted(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? '' : 's'}`
}

/** 1234567 → "1,234,567"; below 10 with one decimal unless whole. */
export function formatCount(value: number): string {
  const rounded = value < 10 && !Number.isInteger(value) ? Math.round(value * 10) / 10 : Math.round(value)
  return rounded.toLocaleString('en-US')
}

export function formatBytes(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`
  const units = ['KiB', 'MiB', 'GiB', 'TiB']
  const power = Math.min(units.length, Math.floor(Math.log2(bytes) / 10))
  return `${(bytes / 1024 ** power).toFixed(1)} ${units[power - 1]}`
}

export function formatSeconds(seconds: number): string {
  if (seconds < 10) return `${seconds.toFixed(1)} s`
  if (seconds < 100) return `${Math.round(seconds)} s`
  const minutes = Math.floor(seconds / 60)
  return minutes < 60
    ? `${minutes} min ${Math.round(seconds % 60)} s`
    : `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}

/** Text of a corpus or of a stranger's index without control characters, which a terminal would obey. */
export function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, ' ')
}

/** What became of the rest of a killed build: also with --quiet, since something of the disk was removed. */
export function reportLeftover({ path, fate, bytes, target }: Leftover): void {
  const what = `${printable(path)} (${formatBytes(bytes)})`
  const sentence = {
    removed: `Removed ${what}, which a killed build had left.`,
    restored: `Put back ${printable(target ?? '')}: a build was killed while it replaced that.`,
    left: `${what} may be the rest of a killed build, of another machine or an older version. Remove it if none is running.`,
    running: `${printable(path)} is of another process that is making the same now: without --force, who is ready first wins.`,
  }[fate]
  process.stderr.write(`${sentence}\n`)
}

/** Rows of cells as aligned columns; numbers to the right. */
export function formatTable(rows: readonly (readonly (string | number)[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => String(row[column] ?? '').length)))
  return rows
    .map((row) =>
      row
        .map((cell, i) =>
          typeof cell === 'number' || /^[\d.,]/.test(cell)
            ? String(cell).padStart(widths[i] ?? 0)
            : cell.padEnd(widths[i] ?? 0),
        )
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

/**
 * Prints an error the way every command does and says how to exit.
 * @param json - print a JSON object on stdout as well, for scripts
 */
export function reportError(error: unknown, json: boolean): number {
  if (error instanceof TartanError) {
    if (json)
      process.stdout.write(
        `${JSON.stringify({ error: { code: error.code, message: error.message, detail: error.detail } })}\n`,
      )
    process.stderr.write(`${pc.red('error')} ${error.message}\n`)
    return error.code === 'ABORTED' ? EXIT_INTERRUPTED : EXIT_FAILURE
  }
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error)
  process.stderr.write(`${pc.red('This is a bug in Tartan, please report it.')}\n${stack}\n`)
  return EXIT_BUG
}
