import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['{core,plugins,flows,appliance,ui}/**/*.test.ts'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
    typecheck: { enabled: false, include: ['core/**/*.test-d.ts'] },
  },
})
