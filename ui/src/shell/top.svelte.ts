/** What the bar above every page says: where we are, as crumbs. The page that is open sets it. */
export interface Crumb { readonly text: string; readonly href?: string; readonly mono?: boolean }

export const top = $state<{ crumbs: readonly Crumb[]; badge: { text: string; tone: 'now' | 'bad' | 'warn' | 'ok' | '' } | null }>({ crumbs: [], badge: null })

/** For the life of the page that calls it; reads what it shows, so it follows. */
export function titled(say: () => { crumbs: readonly Crumb[]; badge?: typeof top.badge }): void {
  $effect.pre(() => {
    const { crumbs, badge = null } = say()
    top.crumbs = crumbs
    top.badge = badge
  })
}
