/** What plates look like in a region: how likely a text is to be one, before anything was seen. Pure. */

export type Region = 'eu' | 'us' | 'br' | 'all'

/** L a letter, D a digit, A either; log weight within the region, 0 for its commonest. */
type Formats = Readonly<Record<string, number>>

const EU: Formats = {
  LLDDDLL: 0, DLDDDDD: 0, LLLDDDD: 0,
  DLLDDDD: -0.3, LLDDLLL: -0.3, LLDDDDD: -0.3, LLLDDD: -0.3, DDDDLLL: -0.3, LLDDDD: -0.3, LLDDDDLL: -0.3, DLLLDDD: -0.3,
  LDDDLLL: -0.3,
  LDDDDLL: -0.7, LDDDLL: -0.7, LLLDDDL: -0.7, DDDLLL: -0.7, LLLLDDD: -0.7, LLLLDDDD: -0.7, LLDDDLLL: -0.7,
  DALDDDD: -1, DADDDDD: -1, LDDLLL: -1, LLLDDDDD: -1, LLDLLL: -1, DDLLDD: -1, LLDDLL: -1, LLLDDL: -1, LLDDDL: -1,
  LLLDDLL: -1, DDLLLD: -1, DLLLDD: -1, LDDDDD: -1.5, LLLDD: -1.5, LLLLDD: -1.5, LLLDDDLL: -1.5,
}
const US: Formats = {
  LLLDDDD: 0, DLLLDDD: 0,
  LLLDDD: -0.2, DDDLLL: -0.2, LLDLDL: -0.2,
  LLDDDDD: -0.7, LLLDDL: -0.7, LDDLLL: -0.7, DLDDDDD: -0.7,
  LDDDDDD: -1, DDDDDDD: -1, DDDDDLD: -1, DDDDLL: -1, DDDLLLL: -1, LLDDDD: -1, DDDDLLL: -1,
  LLLLDD: -1.2, DDDLLD: -1.2, DLLDDD: -1.2, LLDDDL: -1.2, LLLDDDL: -1.2, DLLDDDD: -1.2, DLLLDD: -1.2,
  DDDDDD: -1.3, LLDLLL: -1.3, LLDDLL: -1.3, LLLDLL: -1.3, DDDDDLL: -1.3, DLLLLDD: -1.3,
}
const BR: Formats = { LLLDDDD: 0, LLLDLDD: 0 }

const ALL: Formats = [EU, US, BR].flatMap((formats) => Object.entries(formats)).reduce<Record<string, number>>((all, [format, weight]) => {
  all[format] = Math.max(all[format] ?? -Infinity, weight)
  return all
}, {})

const BY_REGION: Readonly<Record<Region, Formats>> = { eu: EU, us: US, br: BR, all: ALL }

/** Log weight of a text that fits no format of its region. */
const NO_FORMAT = -3
const LETTERS_ONLY = -2
const DIGITS_ONLY = -1
/** Many countries leave out what is mistaken for 1 and 0. */
const RARE: Readonly<Record<string, number>> = { I: -0.3, O: -0.15, Q: -0.45 }

/** Log weight, 0 for a text in the region's commonest format. */
export function logPrior(text: string, region: Region): number {
  let weight = NO_FORMAT - (text.length >= 5 && text.length <= 7 ? 0 : text.length === 4 || text.length === 8 ? 1 : 3)
  for (const [format, of] of Object.entries(BY_REGION[region])) if (of > weight && fits(text, format)) weight = of
  if (!/[0-9]/.test(text)) weight += LETTERS_ONLY
  if (!/[A-Z]/.test(text)) weight += DIGITS_ONLY
  for (const char of text) weight += RARE[char] ?? 0
  return weight
}

function fits(text: string, format: string): boolean {
  if (text.length !== format.length) return false
  for (let i = 0; i < text.length; i++) {
    const kind = text[i]! <= '9' ? 'D' : 'L'
    if (format[i] !== kind && format[i] !== 'A') return false
  }
  return true
}
