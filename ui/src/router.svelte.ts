/** Where we are: the path and what follows `?`. Pages keep their whole state there, so a link shows what you saw. */
class Place {
  path = $state(location.pathname)
  query = $state.raw(new URLSearchParams(location.search))

  constructor() {
    addEventListener('popstate', () => this.#read())
    document.addEventListener('click', (event) => this.#follow(event))
  }

  go(href: string, how: 'push' | 'replace' = 'push'): void {
    if (how === 'push') history.pushState(null, '', href)
    else history.replaceState(null, '', href)
    this.#read()
  }

  /** Lays fields over the query; null takes one away. The entry in the history stays the same. */
  set(fields: Record<string, string | null>): void {
    const query = new URLSearchParams(location.search)
    for (const [key, value] of Object.entries(fields)) {
      if (value === null) query.delete(key)
      else query.set(key, value)
    }
    const text = query.toString()
    if (text === new URLSearchParams(location.search).toString()) return
    history.replaceState(null, '', text === '' ? location.pathname : `${location.pathname}?${text}`)
    this.query = query
  }

  #read(): void {
    if (this.path !== location.pathname) this.path = location.pathname
    this.query = new URLSearchParams(location.search)
  }

  /** Links of our own pages are followed here; `/flows`, media, new tabs and downloads are the browser's. */
  #follow(event: MouseEvent): void {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return
    const link = event.target instanceof Element ? event.target.closest('a') : null
    if (!link || link.target || link.hasAttribute('download') || link.origin !== location.origin || link.pathname.startsWith('/flows') || link.pathname.startsWith('/media/')) return
    event.preventDefault()
    this.go(link.pathname + link.search)
    scrollTo(0, 0)
  }
}

export const place = new Place()

/** `/plates/:plate` and a path → the named parts, or null. */
export function match(pattern: string, path: string): Record<string, string> | null {
  const wanted = pattern.split('/')
  const given = path.replace(/\/+$/, '').split('/')
  if (wanted.length !== given.length) return null
  const parts: Record<string, string> = {}
  for (const [i, part] of wanted.entries()) {
    if (part.startsWith(':')) parts[part.slice(1)] = decodePart(given[i]!)
    else if (part !== given[i]) return null
  }
  return parts
}

function decodePart(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch (error) {
    if (error instanceof URIError) return part // a stray % in a hand-typed address
    throw error
  }
}
