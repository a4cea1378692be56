/** The little of XML that S3 answers with: elements without attributes that matter, none within one of its own name. */

/** What stands inside each element of a name. */
export const all = (xml: string, name: string): string[] => [...xml.matchAll(new RegExp(`<${name}(?:\\s[^>]*)?>([\\s\\S]*?)</${name}>`, 'g'))].map(([, inside]) => inside!)

export const first = (xml: string, name: string): string | null => all(xml, name)[0] ?? null

const ENTITIES: ReadonlyMap<string, string> = new Map(Object.entries({ amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }))

export const xmlText = (inside: string): string => inside.replaceAll(/&(?:#x([0-9a-f]+)|#(\d+)|(\w+));/gi, (whole, hex?: string, decimal?: string, name?: string) => {
  if (name !== undefined) return ENTITIES.get(name) ?? whole
  return String.fromCodePoint(hex === undefined ? Number(decimal) : Number.parseInt(hex, 16))
})
