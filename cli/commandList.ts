/** All commands by name. What one is made of is loaded when it is called: `tartan --help` needs no encoder, `search` no readers of corpora. */
import type { Command } from 'commander'

export interface CommandEntry {
  readonly name: string
  /** What is written after the name, at the least. */
  readonly words: string
  readonly description: string
  /** Options, help and action; `signal` fires at Ctrl-C. */
  load(): Promise<(signal: AbortSignal) => Command>
}

export const COMMANDS: readonly CommandEntry[] = [
  {
    name: 'build',
    words: '[corpus] --out <index>',
    description: 'Build an index from a corpus of texts (or from ready token vectors).',
    load: async () => (await import('./commands/build.ts')).buildCommand,
  },
  {
    name: 'search',
    words: '<index> <query>',
    description: 'Search an index from the terminal.',
    load: async () => (await import('./commands/search.ts')).searchCommand,
  },
  {
    name: 'serve',
    words: '<index...>',
    description: 'Serve a search page and the HTTP API over one or more indexes, until Ctrl-C.',
    load: async () => (await import('./commands/serve.ts')).serveCommand,
  },
  {
    name: 'eval',
    words: '<index> --queries <file> --qrels <file>',
    description: 'Measure quality (nDCG@10, MRR@10, Recall, Success@5, MAP) and time of an index on judged queries.',
    load: async () => (await import('./commands/eval.ts')).evalCommand,
  },
  {
    name: 'encode',
    words: '<corpus> --out <folder>',
    description:
      'Encode texts to token vectors on disk: docs.f16, doclens.json, meta.json, and queries.f16, qrels.json when asked for.',
    load: async () => (await import('./commands/encode.ts')).encodeCommand,
  },
  {
    name: 'inspect',
    words: '<index>',
    description: 'Show what an index consists of: counts, segments, encoder, tiers, and bytes by section.',
    load: async () => (await import('./commands/inspect.ts')).inspectCommand,
  },
  {
    name: 'verify',
    words: '<index>',
    description: 'Read every byte of an index and check names, checksums, shapes, posting lists, ids and texts.',
    load: async () => (await import('./commands/verify.ts')).verifyCommand,
  },
  {
    name: 'pack',
    words: '<index> --out <file>',
    description:
      'Make one file of a whole index, for bundling into a Worker or for sending. Every reader takes it in place of the folder.',
    load: async () => (await import('./commands/pack.ts')).packCommand,
  },
  {
    name: 'tune',
    words: '<index>',
    description: 'Measure search settings of an index and store the best as its tiers: fast, balanced, exact.',
    load: async () => (await import('./commands/tune.ts')).tuneCommand,
  },
  {
    name: 'deploy-plan',
    words: '<index>',
    description: 'Show on which hosts an index fits and what it costs there; write what deploys it.',
    load: async () => (await import('./commands/deployPlan.ts')).deployPlanCommand,
  },
]
