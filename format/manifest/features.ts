/** What a manifest may require of its readers (SPEC.md §4.6): whatever changes the meaning of bytes that an older reader knows. */
import { FormatError, VersionError } from '../errors.ts'

/** `sharedQuantisers`: several segments refer to one quantiser. `tombstones`: some passages are deleted. */
export const FEATURES = ['sharedQuantisers', 'tombstones'] as const
export type Feature = (typeof FEATURES)[number]

const FEATURE_LENGTH_MAX = 64

/**
 * @param values - the manifest's key `requires`, decoded
 * @throws VersionError when one is not known, FormatError when they are no list of different names
 */
export function readRequires(values: readonly unknown[], path: string): readonly Feature[] {
  const names = values.map((value, i) => {
    if (typeof value !== 'string' || value.length === 0 || value.length > FEATURE_LENGTH_MAX) {
      throw new FormatError(`${path}[${i}]`, `a name of 1 to ${FEATURE_LENGTH_MAX} characters`, typeof value)
    }
    return value
  })
  const isKnown = (name: string): name is Feature => (FEATURES as readonly string[]).includes(name)
  const unknown = names.filter((name) => !isKnown(name))
  if (unknown.length > 0) {
    throw new VersionError(
      `the index requires ${unknown.map((name) => `"${name}"`).join(', ')}, which this version of tartan-search does not know. Update tartan-search.`,
      { requires: unknown.join(' ') },
    )
  }
  if (new Set(names).size !== names.length) throw new FormatError(path, 'different names', names.join(' '))
  return names.filter(isKnown)
}
