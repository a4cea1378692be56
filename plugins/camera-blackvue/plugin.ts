import { plugin } from '../../core/contract/plugin.ts'
import { cameraEvents, CamerasConfig } from '../camera/settings.ts'

export default plugin({ name: 'camera-blackvue', title: 'BlackVue cameras', config: CamerasConfig, events: cameraEvents, watch: () => import('./watch.ts') })
