/** A part of a plate as somebody types it: `?` is one character, `*` several or none. */
export interface Pattern {
  /** How `plate` fits; null: it does not. */
  readonly fit: (plate: string) => (typeof FITS)[number] | null
  /** Where to look: plates that begin with it. Null: not known. */
  readonly head: string | null
  /** Its longest known run of characters; `ends`: the plate ends with it. */
  readonly run: { readonly text: string; readonly ends: boolean }
}

/** Best first. */
export const FITS = ['exact', 'begins with it', 'contains it', 'fits the pattern'] as const

/** What was typed, without what no plate has: spaces, dashes, small letters. */
export const typed = (text: string): string => text.toUpperCase().replace(/[^A-Z0-9?*]/g, '')

/** Without a `*` the text may lie anywhere in a plate; with one it stands for the whole plate. @param asked Not empty. */
export function pattern(asked: string): Pattern {
  if (!/[?*]/.test(asked)) {
    return {
      fit: (plate) => (plate === asked ? 'exact' : plate.startsWith(asked) ? 'begins with it' : plate.includes(asked) ? 'contains it' : null),
      head: null, run: { text: asked, ends: false },
    }
  }
  const whole = asked.includes('*')
  const body = asked.replaceAll(/\*+/g, '*').replaceAll('?', '.').replaceAll('*', '.*')
  const test = new RegExp(whole ? `^${body}$` : body, 's')
  const head = whole ? /^[^?*]*/.exec(asked)![0] : ''
  const tail = whole ? /[^?*]*$/.exec(asked)![0] : ''
  const longest = asked.split(/[?*]/).sort((a, b) => b.length - a.length)[0]!
  return {
    fit: (plate) => (test.test(plate) ? 'fits the pattern' : null),
    head: head === '' ? null : head,
    run: tail !== '' ? { text: tail, ends: true } : { text: longest, ends: false },
  }
}
