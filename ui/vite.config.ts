import { svelte } from '@sveltejs/vite-plugin-svelte'
import { defineConfig } from 'vite'

export default defineConfig({
  root: import.meta.dirname,
  plugins: [svelte()],
  build: {
    outDir: 'dist',
    emptyOutDir: true,
    assetsInlineLimit: 0, // the server's policy lets pages load files, not data: URLs
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 600,
  },
})
