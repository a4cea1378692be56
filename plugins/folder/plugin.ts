import { createHash } from 'node:crypto'
import { Type } from 'typebox'
import { MediaRef } from '../../core/contract/media.ts'
import { plugin, stage } from '../../core/contract/plugin.ts'
import { Channel, RecordingEvent, type RefusalDoc } from '../../core/contract/records.ts'

export const FolderConfig = Type.Object({
  inboxes: Type.Array(Type.Object({
    path: Type.String({ title: 'Folder', description: 'Or a single file. It is only read.' }),
    camera: Type.Optional(Type.String({ title: 'Camera', description: 'Empty: the name of the card or folder that a file lies in.' })),
    once: Type.Optional(Type.Boolean({ title: 'Take what is there, then stop' })),
    poll: Type.Optional(Type.Boolean({ title: 'Look again and again', description: 'Needed where a network share does not say what changed; known ones are polled by themselves.' })),
  }), { title: 'Inboxes', default: [] }),
  cards: Type.Array(Type.String(), { title: 'Where cards are mounted', description: 'As /media. A camera’s card or a stick with recordings that appears below is read, each time; other disks are left alone.', default: [] }),
  stable_s: Type.Number({ title: 'A file is whole when it did not change for, s', default: 5, minimum: 0 }),
})

export const folderEvents = {
  arrived: Type.Object({
    media: MediaRef,
    name: Type.String(), // as the camera called it
    camera: Type.String(),
    channel: Channel,
    event: RecordingEvent,
    sidecars: Type.Array(Type.Object({ media: MediaRef, format: Type.String() })),
    source: Type.String(), // absolute path that it came from
  }, { title: 'A file came in', description: 'A recording, photo or track was taken in from an inbox, with the files that belong to it.' }),
  card: Type.Object({
    path: Type.String(), // where it was mounted
    name: Type.String(), // of that folder, mostly the card's label
    recordings: Type.Integer({ minimum: 0 }), // with photos and logs
    refused: Type.Integer({ minimum: 0 }),
    bytes: Type.Integer({ minimum: 0 }), // of the recordings
  }, { title: 'A card was read', description: 'All that lies on a memory card or stick was taken in, or refused with a reason: it may be pulled out.' }),
  refused: Type.Object({
    name: Type.String(), // absolute path
    camera: Type.String(),
    code: Type.String(),
    message: Type.String(),
  }, { title: 'A file was refused', description: 'A file in an inbox could not be taken in; code and message say why.' }),
}

export default plugin({
  name: 'folder',
  title: 'Folders and memory cards',
  config: FolderConfig,
  events: folderEvents,
  stages: {
    refuse: stage({
      title: 'Note a refusal',
      help: 'Records a file that could not be taken in, with the reason, so that it shows up in the list of refused files.',
      version: 1,
      input: folderEvents.refused,
      output: Type.Object({}),
      records: (input) => [{
        _id: `refusal:path:${createHash('sha256').update(input.name).digest('hex')}`,
        kind: 'refusal', name: input.name, camera: input.camera, media: null, code: input.code, message: input.message,
      } satisfies RefusalDoc],
      lease_s: 30,
      load: () => import('./refuse.ts'),
    }),
  },
  watch: () => import('./watch.ts'),
})
