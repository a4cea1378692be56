import fc from 'fast-check'
import { expect, test } from 'vitest'
import { outgoing, portable, readRoot, rootOf } from './message.ts'

test('what can wait is kept as it is; what belongs to this life of Node-RED is left out', () => {
  fc.assert(fc.property(fc.dictionary(fc.stringMatching(/^[a-z]{3,9}$/), fc.jsonValue()), (message) => {
    const { req: _req, res: _res, ...rest } = message
    expect(portable({ ...rest, _viewshed: ['1:home:home:2'], _msgid: 'random', req: { socket: 1 }, res: {} })).toEqual(JSON.parse(JSON.stringify(rest)))
  }))
})

test('a property that is no JSON is named', () => {
  const loop: Record<string, unknown> = {}
  loop['self'] = loop
  expect(() => portable({ payload: {}, mine: loop })).toThrow(/^msg\.mine cannot be stored: Converting circular structure to JSON\. Remove it/)
})

test('an id that follows from the outcome stays over all stages; a random one does not make a repeated message a new one', () => {
  const first = outgoing('0000000001', 'folder.arrived', { payload: { n: 1 } })
  expect(first).toEqual({ topic: 'folder.arrived', payload: { n: 1 }, _msgid: 'viewshed.0000000001' })
  expect(portable(first)).toEqual({ topic: 'folder.arrived', payload: { n: 1 }, _msgid: 'viewshed.0000000001' })
  expect(outgoing('0000000002', 'clip.probe', portable(first))).toEqual(first)
  expect(portable({ ...first, _msgid: 'b3c1' })).toEqual({ topic: 'folder.arrived', payload: { n: 1 } })
})

test('the name of a sending tells whose it is; anything else tells nothing', () => {
  expect(readRoot(rootOf(7, { org: 'home', site: 'shed' }, '000000000a'))).toEqual({ home: { org: 'home', site: 'shed' }, seq: '000000000a' })
  for (const other of ['', 'a', '1:home:home', '1:home:home:2:3', ':::']) expect(readRoot(other)).toBeNull()
})
