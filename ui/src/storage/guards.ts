/** What holds for every run, looked at now. A guard that is not met keeps files; it never lets one go. */
import { count, many, percent } from '../words.ts'
import type { View } from './reasons.ts'

export interface Guard { readonly met: boolean; readonly says: string; readonly figure: string }

export function guardsOf({ volumes, groups, most_part }: Pick<View, 'volumes' | 'groups' | 'most_part'>): Guard[] {
  const away = volumes.filter(({ mounted }) => !mounted)
  const here = volumes.filter(({ mounted }) => mounted)
  const lost = here.reduce((sum, { files, there }) => sum + files - there, 0)
  const held = here.reduce((sum, { files }) => sum + files, 0)
  const files = (reasons: readonly string[]) => groups.filter(({ reason }) => reasons.includes(reason)).reduce((sum, group) => sum + group.files, 0)
  const spoken = files(['kept', 'locked'])
  const waiting = files(['away', 'unverified', 'stale'])
  const largest = Math.max(0, ...here.filter((volume) => volume.files > 0).map((volume) => volume.going / volume.files))
  return [
    { met: away.length === 0, says: 'Every volume is really there', figure: away.length === 0 ? 'markers read' : `${away.map(({ name }) => name).join(', ')} away` },
    { met: lost === 0, says: 'Catalogue and disks agree', figure: lost === 0 ? `${count(held)} of ${count(held)}` : `${many(lost, 'file')} not found` },
    { met: waiting === 0, says: 'Second copies were read back', figure: waiting === 0 ? 'all that count' : `${many(waiting, 'file')} ${waiting === 1 ? 'waits' : 'wait'} for it` },
    { met: largest <= most_part + 0.01, says: 'A run stays small', figure: `${percent(largest)} of at most ${percent(most_part)}` },
    { met: true, says: 'Kept and locked stay', figure: many(spoken, 'file') },
  ]
}
