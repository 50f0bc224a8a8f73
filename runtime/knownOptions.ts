/**
 * Options as callers without types give them. A name that nobody knows is most likely misspelt: passed over in silence it would be an
 * option that does nothing.
 */
import { InputError } from '../format/errors.ts'

/** Every name that an interface has; the compiler sees to it that none is forgotten. */
export type Names<Options> = Readonly<Record<keyof Options, true>>

/**
 * @param doing - what is being done, e.g. "asking"
 * @throws InputError when `options` is no object, or has a name that is not among those known
 */
export function requireKnownOptions<Options>(doing: string, options: unknown, known: Names<Options>): void {
  if (options === undefined) return
  const names = Object.keys(known)
  if (typeof options !== 'object' || options === null) {
    const got = options === null ? 'null' : typeof options
    throw new InputError(
      `${doing}: expected options as an object with ${names.join(', ')}, got ${got}. Leave them out for the defaults.`,
    )
  }
  for (const [name, value] of Object.entries(options)) {
    if (Object.hasOwn(known, name) || value === undefined) continue
    const near = names.find((each) => isNear(each.toLowerCase(), name.toLowerCase()))
    const cure = near === undefined ? `Known are ${names.join(', ')}.` : `Did you mean "${near}"?`
    throw new InputError(`${doing}: there is no option "${name}". ${cure}`, { option: name })
  }
}

/** Whether at most two letters were put in, left out or changed, of words that are longer than that. */
function isNear(a: string, b: string): boolean {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const changed = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(changed, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    row = next
  }
  const distance = row[b.length] ?? 0
  return distance === 0 || (distance <= 2 && Math.min(a.length, b.length) > 2)
}
