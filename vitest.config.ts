import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** They wait for leases, back-offs and machines of their own for minutes, so they begin first: whoever ran last would be waited for alone. */
const LONGEST = ['appliance/crash/points', 'appliance/demo', 'appliance/crash/reoffer', 'appliance/crash/kills'] // the longest last

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => LONGEST.findLastIndex((name) => moduleId.endsWith(`/${name}.test.ts`))
    return (await super.sort(files)).toSorted((a, b) => rank(b) - rank(a))
  }
}

export default defineConfig({
  test: {
    include: ['{core,plugins,flows,appliance,ui}/**/*.test.ts'],
    testTimeout: 60_000, // a disk that others fill may hold a sync for half a minute
    hookTimeout: 60_000,
    expect: { poll: { timeout: 20_000 } }, // whatever is waited for comes at last; a busy machine takes its time
    maxWorkers: 3, // on two cores: some always wait for a timer or a disk
    sequence: { sequencer: LongestFirst },
    typecheck: { enabled: false, include: ['core/**/*.test-d.ts'] },
  },
})
