// Before the first paint, so that a dark page never flashes white. A file of its own: the server allows no inline script.
const kept = localStorage.getItem('theme')
document.documentElement.dataset.theme = kept === 'light' || kept === 'dark' ? kept : matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light'
