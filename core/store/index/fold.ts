/** Characters that cameras and people take for each other, as one of them. */
const ALIKE: Readonly<Record<string, string>> = { O: '0', Q: '0', D: '0', I: '1', L: '1', Z: '2', S: '5', G: '6', B: '8' }
const FOLDED = [...'0123456789ACEFHJKMNPRTUVWXY', '-']

const foldChar = (c: string): string => ALIKE[c] ?? (/^[A-Z0-9]$/.test(c) ? c : '-')

/** The plate as it reads when nothing is told apart that looks alike. */
export const fold = (plate: string): string => [...plate].map(foldChar).join('')

/** Every folded plate at most one character away: some 400 for one of seven. */
export function variants(folded: string): Set<string> {
  const all = new Set([folded])
  for (let i = 0; i <= folded.length; i++) {
    const [head, tail] = [folded.slice(0, i), folded.slice(i)]
    for (const c of FOLDED) all.add(head + c + tail)
    if (tail === '') continue
    all.add(head + tail.slice(1))
    for (const c of FOLDED) all.add(head + c + tail.slice(1))
  }
  return all
}

export interface Nearness { readonly distance: number; readonly why: string }

/** How `plate` differs from what was asked, in as few words as possible; null when by more than one character that does not merely look alike. */
export function nearness(asked: string, plate: string): Nearness | null {
  const [a, b] = [[...asked], [...plate]]
  const apart = b.length - a.length
  if (asked === plate) return { distance: 0, why: 'exact' }
  if (Math.abs(apart) > 1) return null
  const ways: string[][] = []
  if (apart === 0) {
    const all = misread(a, b, 0, 0, a.length)
    if (all) ways.push(all)
    else for (let i = 0; i < a.length; i++) ways.push(...join([`${a[i]} is ${b[i]}`], misread(a, b, 0, 0, i), misread(a, b, i + 1, i + 1, a.length - i - 1)))
  }
  // What is left out of the longer one stands at i; from there on the two run one apart.
  const shorter = Math.min(a.length, b.length)
  if (apart !== 0) {
    for (let i = 0; i <= shorter; i++) {
      const [fromA, fromB] = apart === 1 ? [i, i + 1] : [i + 1, i]
      ways.push(...join([apart === 1 ? 'one character more' : 'one character less'], misread(a, b, 0, 0, i), misread(a, b, fromA, fromB, shorter - i)))
    }
  }
  const least = ways.sort((x, y) => x.length - y.length)[0]
  return least ? { distance: least.length, why: least.join(', ') } : null
}

/** The characters that were taken for each other over `length` of both; null when two differ that do not look alike. */
function misread(a: readonly string[], b: readonly string[], fromA: number, fromB: number, length: number): string[] | null {
  const found: string[] = []
  for (let i = 0; i < length; i++) {
    const [x, y] = [a[fromA + i]!, b[fromB + i]!]
    if (x === y) continue
    if (foldChar(x) !== foldChar(y)) return null
    found.push(`${x} read as ${y}`)
  }
  return found
}

const join = (first: string[], head: string[] | null, tail: string[] | null): string[][] => (head && tail ? [[...first, ...head, ...tail]] : [])
