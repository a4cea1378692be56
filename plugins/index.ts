/** The only list of plugins. */
import type { AnyPlugin } from '../core/contract/plugin.ts'
import archive from './archive/plugin.ts'
import clip from './clip/plugin.ts'
import folder from './folder/plugin.ts'
import inference from './inference/plugin.ts'
import retention from './retention/plugin.ts'

const plugins: readonly AnyPlugin[] = [folder, clip, inference, archive, retention]
export default plugins
