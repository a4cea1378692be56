import { expect, test } from 'vitest'
import type { CameraView } from '../../../core/http/api.ts'
import { camerasSentence, cardSentence, clipSays, stateOf } from './state.ts'

const NOW = new Date(2026, 10, 20, 14, 31).getTime()
const none = { fetching: 0, waiting: 0, failed: 0, recording: 0, skipped: 0, in: 0 }
const camera = (over: Partial<CameraView> = {}): CameraView => ({
  id: 'Van', maker: 'VIOFO', device: 'nas', heard_ms: NOW, watched: true, paused_by: null, paused: false, addresses: ['van.lan'], address: 'van.lan', seen_ms: NOW, trouble: null, listed: { at_ms: NOW, clips: 4 },
  counts: none, waiting_bytes: 0, fetching: [], deletes: false, rules: [], ...over,
})
const plain = (text: string) => text.replaceAll('\u202f', ' ')

test.each<[Partial<CameraView>, string, string]>([
  [{ paused_by: 'person', address: null }, 'rests', 'Paused, left alone until you resume it'],
  [{ paused_by: 'settings', address: null, watched: false }, 'rests', 'Paused in viewshed.yaml'],
  [{ watched: false, heard_ms: null }, 'away', 'Nobody watches it now'],
  [{ watched: false, heard_ms: NOW - 3_600_000 }, 'away', 'Nobody watches it now, not since 13:31'],
  [{ trouble: 'the disk is full' }, 'bad', 'The disk is full'],
  [{ address: null, seen_ms: null }, 'away', 'Not seen yet'],
  [{ address: null, seen_ms: NOW - 3_600_000 }, 'away', 'Away since 13:31'],
  [{ address: null, seen_ms: NOW - 86_400_000 }, 'away', 'Away since yesterday 14:31'],
  [{ counts: { ...none, waiting: 2, fetching: 1 } }, 'working', 'Here, 3 clips to come'],
  [{ counts: { ...none, waiting: 2, fetching: 1 }, waiting_bytes: 500e6, fetching: [{ id: 'a', name: 'a', done_bytes: 50e6, bytes: 150e6, bytes_s: 5e6 }] }, 'working', 'Here, 3 clips to come, about 2 min at 5.0 MB/s'],
  [{ counts: { ...none, fetching: 1 }, fetching: [{ id: 'a', name: 'a', done_bytes: 50e6, bytes: null, bytes_s: 5e6 }] }, 'working', 'Here, 1 clip to come at 5.0 MB/s'],
  [{ counts: { ...none, in: 4 } }, 'here', 'Here, everything is in'],
  [{ counts: { ...none, in: 3, recording: 1 } }, 'here', 'Here, everything is in but what it may still be writing'],
  [{ counts: { ...none, in: 2, recording: 1, failed: 1 } }, 'here', 'Here, 1 clip could not be had yet'],
])('%j is %s: %s', (over, kind, says) => {
  const state = stateOf(camera(over), NOW)
  expect([state.kind, plain(state.says)]).toEqual([kind, says])
})

test('a card is told from what needs a person to what is done', () => {
  expect(cardSentence(camera({ listed: null }))).toBe('It was not listed yet.')
  expect(plain(cardSentence(camera({ listed: { at_ms: NOW, clips: 1_204 }, counts: { fetching: 1, waiting: 11, failed: 2, recording: 1, skipped: 40, in: 1_149 }, waiting_bytes: 2.1e9 })))).toBe('1 204 clips on its card: 12 to come (2.1 GB), 2 failed, 1 being written, 40 stay there, 1 149 in.')
  expect(cardSentence(camera({ listed: { at_ms: NOW, clips: 1 }, counts: { ...none, in: 1 } }))).toBe('1 clip on its card: 1 in.')
  expect(cardSentence(camera({ listed: { at_ms: NOW, clips: 1 }, counts: { ...none, skipped: 1 } }))).toBe('1 clip on its card: 1 stays there.')
})

test('the page begins with who is there and how much is to come', () => {
  expect(camerasSentence([camera(), camera({ address: null })])).toBe('1 is in reach, 1 not. No clip waits.')
  expect(camerasSentence([camera({ address: null }), camera({ address: null, counts: { ...none, waiting: 3 } })])).toBe('None is in reach, 2 away. 3 clips to come.')
  expect(camerasSentence([camera({ counts: { ...none, waiting: 1 } }), camera()])).toBe('2 are in reach. 1 clip to come.')
})

test('a clip that failed says when it is tried again', () => {
  const clip = { id: 'a', name: 'a', time: null, channel: 'front', event: 'normal', bytes: null, state: 'failed', why: 'it broke off', again_ms: NOW + 40_000 } as const
  expect(plain(clipSays(clip, NOW))).toBe('it broke off; again in 40 s')
  expect(clipSays(clip, NOW + 60_000)).toBe('it broke off; it is tried again')
  expect(clipSays({ ...clip, state: 'skipped', why: 'parked at home', again_ms: null }, NOW)).toBe('parked at home')
})
