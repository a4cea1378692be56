import { expect, test } from 'vitest'
import { isWanted, picked } from './choose.ts'

test.each(['DCIM/Movie/a.MP4', 'a.mp4', 'My card/Record/x.gps'])('%s is sent', (path) => expect(isWanted(path)).toBe(true))
test.each(['.DS_Store', 'card/.Trashes/a.mp4', 'card/System Volume Information/x', 'a/._clip.mp4', '$RECYCLE.BIN/a.mp4'])('%s is not', (path) => expect(isWanted(path)).toBe(false))
test('a picked folder keeps its paths, a picked file its name', () => {
  const file = (name: string, webkitRelativePath: string) => Object.assign(new File(['x'], name), { webkitRelativePath })
  Object.defineProperty(File.prototype, 'webkitRelativePath', { value: '', writable: true, configurable: true })
  expect(picked([file('a.mp4', 'card/DCIM/a.mp4'), file('b.mp4', ''), file('.x', 'card/.x')]).map(({ path }) => path)).toEqual(['card/DCIM/a.mp4', 'b.mp4'])
})
