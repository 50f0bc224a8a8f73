/**
 * The table of sections (SPEC.md §5): what each is called, whose it is, how long it must be, and who reads it when. Every list of
 * sections in the format, the runtime and the deploy plan is derived from it, so a new section is a row here and whoever uses it.
 */

import { type Nbits, rowBlocksBytes } from '../items/rowBlock.ts'
import type { Feature } from './features.ts'

/** A quantiser's sections are shared by all segments that refer to it. */
export type SectionOwner = 'quantiser' | 'segment'

/** `opening`: read whole when an index is opened; `pieces`: read in part, when a query or a result wants it. */
export type SectionUse = 'opening' | 'pieces' | 'never'

/** The numbers that lengths follow from. Of a quantiser, `passages` and `tokens` are 0. */
export interface SectionShape {
  readonly dim: number
  readonly nbits: Nbits
  readonly centroids: number
  readonly passages: number
  readonly tokens: number
}

export interface SectionRow {
  readonly owner: SectionOwner
  readonly resident: SectionUse
  readonly range: SectionUse
  /** Whether a search needs it, apart from naming and showing what it found. */
  readonly isSearched: boolean
  /** Default false: an index must have it. */
  readonly isOptional?: boolean
  /** What a manifest with this section must require, since it changes the meaning of the others. */
  readonly feature?: Feature
  /** Items and bytes it must have; undefined where they follow from its content. */
  readonly items?: (shape: SectionShape) => number
  readonly bytes?: (shape: SectionShape) => number
}

const opened = { resident: 'opening', range: 'opening' } as const
const loadedOrPieces = { resident: 'opening', range: 'pieces' } as const
/** SPEC.md §5.5: room that is specified; this version neither writes nor reads it. */
const reserved = { owner: 'segment', resident: 'never', range: 'never', isSearched: false, isOptional: true } as const

export const SECTIONS = {
  centroids: {
    ...opened,
    owner: 'quantiser',
    isSearched: true,
    items: ({ centroids }) => centroids,
    bytes: ({ centroids, dim }) => centroids * dim,
  },
  centroidScales: {
    ...opened,
    owner: 'quantiser',
    isSearched: true,
    items: ({ centroids }) => centroids,
    bytes: ({ centroids }) => centroids * 4,
  },
  passageLengths: {
    ...opened,
    owner: 'segment',
    isSearched: true,
    items: ({ passages }) => passages,
    bytes: ({ passages }) => passages * 2,
  },
  postingOffsets: {
    ...opened,
    owner: 'segment',
    isSearched: true,
    items: ({ centroids }) => centroids + 1,
    bytes: ({ centroids }) => (centroids + 1) * 4,
  },
  postings: { ...loadedOrPieces, owner: 'segment', isSearched: true, items: ({ centroids }) => centroids },
  rows: {
    ...loadedOrPieces,
    owner: 'segment',
    isSearched: true,
    items: ({ passages }) => passages,
    bytes: (shape) => rowBlocksBytes(shape.passages, shape.tokens, shape),
  },
  tombstones: { ...opened, owner: 'segment', isSearched: true, isOptional: true, feature: 'tombstones' },
  idOffsets: {
    ...opened,
    owner: 'segment',
    isSearched: false,
    items: ({ passages }) => passages + 1,
    bytes: ({ passages }) => (passages + 1) * 4,
  },
  ids: { ...opened, owner: 'segment', isSearched: false, items: ({ passages }) => passages },
  idOrder: {
    resident: 'opening',
    range: 'never',
    owner: 'segment',
    isSearched: false,
    items: ({ passages }) => passages,
    bytes: ({ passages }) => passages * 4,
  },
  textBlocks: { ...loadedOrPieces, owner: 'segment', isSearched: false, isOptional: true },
  texts: { resident: 'pieces', range: 'pieces', owner: 'segment', isSearched: false, isOptional: true },
  columns: { ...reserved, items: () => 1 },
  columnValues: reserved,
  termBlocks: { ...reserved, items: () => 1 },
  terms: reserved,
  termPostings: reserved,
  passageWords: { ...reserved, items: ({ passages }) => passages, bytes: ({ passages }) => passages * 2 },
  sketches: reserved,
} as const satisfies Readonly<Record<string, SectionRow>>

export type SectionName = keyof typeof SECTIONS

/** Names of all sections, or of those that a row of the table is true of. */
export function sectionNames(isWanted: (row: SectionRow, name: SectionName) => boolean = () => true): SectionName[] {
  return (Object.keys(SECTIONS) as SectionName[]).filter((name) => isWanted(sectionRow(name), name))
}

export function sectionRow(name: SectionName): SectionRow {
  return SECTIONS[name]
}

export function isSectionName(name: string): name is SectionName {
  return Object.hasOwn(SECTIONS, name)
}

/** Sections that a pipeline reads whole when it opens an index. */
export function openedSections(pipeline: 'resident' | 'range', owner: SectionOwner): readonly SectionName[] {
  return sectionNames((row) => row.owner === owner && row[pipeline] === 'opening')
}
