/** The only list of plugins. */
import type { AnyPlugin } from '../core/contract/plugin.ts'
import archive from './archive/plugin.ts'
import blackvue from './camera-blackvue/plugin.ts'
import viofo from './camera-viofo/plugin.ts'
import clip from './clip/plugin.ts'
import command from './command/plugin.ts'
import flow from './flow/plugin.ts'
import folder from './folder/plugin.ts'
import inference from './inference/plugin.ts'
import notify from './notify/plugin.ts'
import retention from './retention/plugin.ts'

const plugins: readonly AnyPlugin[] = [folder, viofo, blackvue, clip, inference, archive, retention, flow, notify, command]
export default plugins
