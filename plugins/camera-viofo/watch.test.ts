import { expect, test } from 'vitest'
import { Fault } from '../../core/contract/fault.ts'
import type { Door } from '../camera/door.ts'
import { content } from '../camera/testing/serve.ts'
import { listing } from './testing/fake.ts'
import { viofo } from './watch.ts'

const NAME = '2026_0302_074112_000001F.MP4'
const LIST = listing(new Map([[`/DCIM/Movie/${NAME}`, { content: content(1, 10), time: '2026/03/02 07:42:12', attr: 33 }]]))
const PAGE = `<html><table><tr><td><a href="/DCIM/Movie/${NAME}"><b>${NAME}</b></a><td align=right> 1.00 MB<td align=right>2026/03/02 07:42:12</table></html>`

/** Its list fails so many times. */
const camera = (fails: number): Door => ({
  address: 'camera', ask: () => Promise.reject(new Error('nobody asks for it here')),
  async text(path) {
    if (path.includes('cmd=3015') && fails-- > 0) throw new Fault('camera/invalid', 'answered with 503')
    if (path.includes('cmd=3015')) return LIST
    return path === '/DCIM/Movie' ? PAGE : '<html></html>'
  },
})
const look = async (fails: number) => (await viofo.look(camera(fails), new AbortController().signal)).clips.map(({ name, event, mayBeLocked }) => [name, event, mayBeLocked])

test('a list that fails once is asked for again: without it nobody sees what was locked where it lies', async () => {
  expect(await look(0)).toEqual([[NAME, 'locked', undefined]])
  expect(await look(1)).toEqual([[NAME, 'locked', undefined]])
  expect(await look(Infinity)).toEqual([[NAME, 'normal', true]])
})
