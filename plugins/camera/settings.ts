/** What every plugin for cameras on the network is told, and what it says. */
import { Type, type Static } from 'typebox'
import { MediaRef } from '../../core/contract/media.ts'
import { Channel, RecordingEvent } from '../../core/contract/records.ts'

const Address = { pattern: '^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:\\d{1,5})?$' }

export const CameraSettings = Type.Object({
  name: Type.String({ title: 'Name', minLength: 1, maxLength: 64, description: 'Its clips lie in a folder of this name' }),
  address: Type.String({ title: 'Address', description: 'Host name or IP address, with :port where it is not 80', ...Address }),
  alternative: Type.Optional(Type.String({ title: 'Second address', description: 'Where it is found otherwise: the hotspot, another network', ...Address })),
  connections: Type.Integer({ title: 'Connections at once', default: 1, minimum: 1, maximum: 2 }),
  order: Type.Union([Type.Literal('newest'), Type.Literal('oldest')], { title: 'Which clips first', default: 'newest', description: 'Locked ones always come before' }),
  events: Type.Array(RecordingEvent, { title: 'These kinds first', default: [] }),
  skip: Type.Array(RecordingEvent, { title: 'Leave these kinds on the camera', default: [] }),
  home: Type.Optional(Type.Object({
    lat_deg: Type.Number({ minimum: -90, maximum: 90 }),
    lon_deg: Type.Number({ minimum: -180, maximum: 180 }),
    radius_m: Type.Number({ default: 100, minimum: 10 }),
  }, { title: 'Home', description: 'What was recorded here while the car stood still is left on the camera' })),
  route_first: Type.Boolean({ title: 'Read the route before the clip', default: true }),
  delete: Type.Union([Type.Literal('never'), Type.Literal('archived'), Type.Literal('archived-and-locked')], {
    title: 'Delete from its card', default: 'never', description: 'Once a clip lies in the archive, was read back from there, and is what the camera has. Locked ones only when this says so',
  }),
  paused: Type.Boolean({ title: 'Leave it alone', default: false }),
})
export type CameraSettings = Static<typeof CameraSettings>

export const CamerasConfig = Type.Object({ cameras: Type.Array(CameraSettings, { title: 'Cameras', default: [] }) })

const Fix = Type.Object({ t_s: Type.Number(), lat_deg: Type.Number(), lon_deg: Type.Number(), speed_mps: Type.Union([Type.Number(), Type.Null()]) })
const OfClip = { name: Type.String(), camera: Type.String(), channel: Channel, event: RecordingEvent }

export const cameraEvents = {
  /** What `clip.probe` takes. */
  arrived: Type.Object({
    media: MediaRef,
    ...OfClip,
    sidecars: Type.Array(Type.Object({ media: MediaRef, format: Type.String() })),
    source: Type.String(), // where it was on the camera
  }, { title: 'A clip came in', description: 'A recording was fetched from a camera, with the files that belong to it.' }),
  route: Type.Object({
    ...OfClip,
    fixes: Type.Array(Fix), // some of them, in order
    stops: Type.Array(Type.Object({ from_s: Type.Number(), to_s: Type.Number(), lat_deg: Type.Number(), lon_deg: Type.Number() })),
    at_home: Type.Union([Type.Boolean(), Type.Null()]), // null: no home is set
  }, { title: 'A route was read', description: 'Where a clip was recorded, read from the camera before the clip itself.' }),
  locked: Type.Object(OfClip, { title: 'A clip was locked afterwards', description: 'A recording that had come in already was locked in its camera: the library keeps it as one that was locked from the beginning.' }),
  released: Type.Object({ ...OfClip, archive: MediaRef }, { title: 'A clip goes from its camera', description: 'Its copy was read back from the archive a moment ago; the camera is told to delete it.' }),
  passed: Type.Object({ ...OfClip, why: Type.String() }, { title: 'A clip was left on the camera', description: 'By the settings of its camera; the reason is said.' }),
}
