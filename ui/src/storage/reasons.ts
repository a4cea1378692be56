/** The planner's one-word reasons as a person reads them. The sentence of each file comes from the planner itself. */
import type { Answer } from '../../../core/http/api.ts'
import type { IconName } from '../parts/Icon.svelte'
import { bytes, count, many } from '../words.ts'

export type View = Answer<'retention'>
export type Group = View['groups'][number]

/** `odd`: somebody should look at it. */
export interface Reason { readonly title: string; readonly note: string; readonly icon: IconName; readonly odd?: true }

const REASONS: Readonly<Record<string, Reason>> = {
  steps: { title: 'Step down', note: 'a smaller copy was made, checked and read back', icon: 'drain' },
  goes: { title: 'Go', note: 'crops, route and best frames are what stays here', icon: 'close' },
  later: { title: 'Stay until another run', note: 'a run takes only a small part of a volume', icon: 'clock' },
  'stands-in': { title: 'Stay until the trash is empty', note: 'what it replaces still rests there', icon: 'clock' },
  kept: { title: 'Stay: kept by you', note: 'somebody marked the clip or its drive keep', icon: 'person' },
  locked: { title: 'Stay: locked', note: 'the camera locked it, or it was recorded by hand', icon: 'lock' },
  event: { title: 'Stay: an event', note: 'a bump or a movement was recorded', icon: 'event' },
  sightings: { title: 'Stay: plates or objects', note: 'something was seen in it', icon: 'plates' },
  area: { title: 'Stay: a place of yours', note: 'it passes an area that is worth more', icon: 'map' },
  young: { title: 'Stay: young enough', note: 'the next step is not due', icon: 'clock' },
  rung: { title: 'Stay: as small as it should be', note: 'the ladder leaves just this of it', icon: 'tick' },
  small: { title: 'Stay: small already', note: 'a smaller copy would have as many lines', icon: 'tick' },
  'to-make': { title: 'Stay until its copy is made', note: 'an agent makes it when a run asks for it', icon: 'copy' },
  unread: { title: 'Stay until it was read', note: 'nobody has looked for plates in it yet', icon: 'eye' },
  sole: { title: 'Stay: only copy', note: 'its bytes are on no other volume', icon: 'disk' },
  unverified: { title: 'Stay: its copy was not read back', note: 'what would replace it was never read from its disk', icon: 'disk' },
  stale: { title: 'Stay: its copy was not read for long', note: 'viewshed verify reads the archive again', icon: 'disk' },
  away: { title: 'Stay: its copy is away', note: 'the volume that holds it is off; it counts again when it is back', icon: 'moon' },
  poor: { title: 'Stay: its copy is not good enough', note: 'it differs too much from the original', icon: 'warn', odd: true },
  mismatch: { title: 'Stay: its copy is not what it should be', note: 'look at that disk', icon: 'warn', odd: true },
  missing: { title: 'Not where it should be', note: 'somebody moved or removed it', icon: 'warn', odd: true },
  volume: { title: 'Stay: its volume is in doubt', note: 'not mounted, empty, or too much is missing on it', icon: 'warn', odd: true },
  shared: { title: 'Stay: two files at one place', note: 'the catalogue names this place twice', icon: 'warn', odd: true },
  unknown: { title: 'Stay: not known what it holds', note: 'its name says nothing of its size', icon: 'file' },
  undated: { title: 'Stay: time unknown', note: 'without a date it has no age', icon: 'file' },
  'no-video': { title: 'Stay: no video', note: 'only moving pictures are thinned', icon: 'file' },
  'other-volume': { title: 'Not thinned', note: 'the ladder does not hold for this volume', icon: 'layers' },
}

/** A word that a newer planner says is shown as it is. */
export const reasonOf = (word: string): Reason => REASONS[word] ?? { title: `Stay: ${word}`, note: '', icon: 'file' }

/** What of a recording a file is. */
export const roleWord = (role: string): string => (role === 'original' ? 'original' : role === 'archive' ? 'second copy' : role.startsWith('archive-') ? `second ${role.slice(8)} copy` : `${role} copy`)

/** What the page says first. */
export function sentence({ on, groups, next }: Pick<View, 'on' | 'groups' | 'next'>): string {
  const sum = (which: (group: Group) => boolean) => groups.filter(which).reduce((n, { files }) => n + files, 0)
  const [steps, goes, stay] = [sum(({ reason }) => reason === 'steps'), sum((group) => group.goes && group.reason !== 'steps'), sum((group) => !group.goes)]
  if (steps + goes + stay === 0) return 'Nothing is stored yet.'
  if (steps + goes === 0) return `Nothing goes: ${stay === 1 ? 'the one file stays' : `all ${count(stay)} files stay`}.`
  const won = bytes(groups.reduce((all, { wins_bytes }) => all + wins_bytes, 0))
  const what = [...(steps > 0 ? [`${many(steps, 'file')} ${steps === 1 ? 'steps' : 'step'} down`] : []), ...(goes > 0 ? [`${steps > 0 ? count(goes) : many(goes, 'file')} ${goes === 1 ? 'goes' : 'go'}`] : [])]
  return `${on ? `The run at ${next} wins` : 'A run would win'} ${won}: ${[...what, ...(stay > 0 ? [`${count(stay)} ${stay === 1 ? 'stays' : 'stay'}`] : [])].join(', ')}.`
}
