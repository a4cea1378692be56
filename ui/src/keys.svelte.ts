/** Keys of the shell and of the page that is open. Each is a single key, `shift+n`, `mod+k` or two in a row: `g m`. */
export interface Key { readonly key: string; readonly says: string; readonly run: () => void; readonly hidden?: boolean }

const sets: { name: string; keys: readonly Key[] }[] = []
let first = ''
let first_ms = 0

/** For the life of the component that calls it; later sets win over earlier ones. */
export function keys(name: string, list: readonly Key[]): void {
  $effect(() => {
    const set = { name, keys: list }
    sets.push(set)
    return () => { sets.splice(sets.indexOf(set), 1) }
  })
}

/** What is bound now; the list of keys reads it when it opens. */
export const keySets = () => sets

/** Something floats above the page: the keys of the page rest, and Esc closes what floats. */
const floats = () => document.querySelector('dialog[open], :popover-open') !== null

addEventListener('keydown', (event) => {
  const typing = event.target instanceof HTMLElement && (event.target.matches('input, textarea, select') || event.target.isContentEditable)
  const mod = event.metaKey || event.ctrlKey
  if (event.altKey || (typing && !mod)) return
  if (floats() && !mod && event.key !== '?') return
  const bare = event.key === ' ' ? 'space' : event.key.toLowerCase()
  const pressed = `${mod ? 'mod+' : ''}${event.shiftKey && /^[a-z]$/.test(bare) ? 'shift+' : ''}${bare}`
  const pair = event.timeStamp - first_ms < 1200 && first !== '' ? `${first} ${pressed}` : ''
  const known = sets.toReversed().flatMap((set) => set.keys)
  const found = (pair !== '' ? known.find((k) => k.key === pair) : undefined) ?? known.find((k) => k.key === pressed)
  first = pressed
  first_ms = event.timeStamp
  if (!found) return
  // A focused button or link keeps Space and Enter for itself.
  if ((bare === 'space' || bare === 'enter') && event.target instanceof Element && event.target.closest('button, a, [role=button], [role=option]')) return
  if (pair === '' || found.key === pair) first = found.key === pair ? '' : pressed
  event.preventDefault()
  found.run()
})
