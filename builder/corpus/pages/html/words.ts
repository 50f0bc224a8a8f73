/** Words of a page, counted: the measure of what is kept and what is left out. */

/** A run of letters and digits; of scripts without blanks between words each character by itself. */
const WORD =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}]|[\p{L}\p{M}\p{N}]+/gu
/** Quick for nearly all text there is. */
const ASCII_WORD = /[A-Za-z0-9]+/g
const ASCII_ONLY = /^[\0-\x7f]*$/

export function countWords(text: string): number {
  return text.match(ASCII_ONLY.test(text) ? ASCII_WORD : WORD)?.length ?? 0
}

export function oneLine(text: string): string {
  return text.replace(/[\s\u200b\ufeff]+/g, ' ').trim()
}
