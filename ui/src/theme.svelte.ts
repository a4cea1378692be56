/** Light, dark, or as the system has it. `public/theme.js` applies the same before the first paint. */
export type Choice = 'light' | 'dark' | 'system'

const system = matchMedia('(prefers-color-scheme: dark)')
const kept = localStorage.getItem('theme')

class Theme {
  choice = $state<Choice>(kept === 'light' || kept === 'dark' ? kept : 'system')
  /** What is shown; canvases read it so that they draw again. */
  shown = $state<'light' | 'dark'>(document.documentElement.dataset.theme === 'dark' ? 'dark' : 'light')

  constructor() {
    system.addEventListener('change', () => this.#apply())
  }

  choose(choice: Choice): void {
    this.choice = choice
    if (choice === 'system') localStorage.removeItem('theme')
    else localStorage.setItem('theme', choice)
    this.#apply()
  }

  #apply(): void {
    const dark = this.choice === 'dark' || (this.choice === 'system' && system.matches)
    document.documentElement.dataset.theme = dark ? 'dark' : 'light'
    this.shown = dark ? 'dark' : 'light'
  }
}

export const theme = new Theme()
/** A token's value as canvases need it. */
export const token = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(name).trim()
