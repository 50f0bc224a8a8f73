/** The line below a figure's title: what was measured, when, at which commit. */
import type { BenchRecord } from '../harness/record.ts'

export function subtitleOf({ parameters, date, commit }: BenchRecord, more?: string): string {
  const count = (value: unknown) => Number(value).toLocaleString('en')
  const facts = [
    `${count(parameters.passages)} passages, ${count(parameters.tokens)} tokens × ${parameters.dim}`,
    ...(more ? [more] : []),
    `${date.slice(0, 10)}, ${commit}`,
  ]
  return facts.join(' · ')
}
