import { EventEmitter } from 'node:events'
import { expect, test } from 'vitest'
import { HOME, type Principal } from '../access/scope.ts'
import { Fault } from '../contract/fault.ts'
import { NOTHING_HELD, type Held } from './held.ts'
import { openSeat, type Beat, type Seat } from './seat.ts'

let now_ms = 0
const elsewhere = () => openSeat({ elsewhere: 'http://red.lan:1880', clock: () => now_ms })
const key = (name: string): Principal => ({ kind: 'flows', id: `key/${name}`, name, scope: { ...HOME, role: 'flows' } })
const own: Principal = { kind: 'flows', id: 'flows', name: 'flows', scope: { ...HOME, role: 'flows' } }
const beat = (more: Partial<Beat> = {}): Beat => ({ host: 'pi', idle: null, held: NOTHING_HELD, ...more })
const refusal = (what: () => void): string | null => {
  try {
    what()
    return null
  } catch (error) {
    if (error instanceof Fault && error.code === 'flows/taken') return error.message
    throw error
  }
}
const held = (...seqs: string[]): Held => ({ total: seqs.length, stuck: seqs.length, oldest: seqs.map((seq) => ({ seq, type: 'folder.arrived', node: null, held_ms: 90_000, last: 'join:j', words: null, why: 'not ended' })) })
const wire = new EventEmitter()
const routes = (seat: Seat, life: string) => refusal(() => seat.admit(key('red'), life, wire)) === null

test('flows run here: core’s own Node-RED routes, and a key is told what to write where; elsewhere it is the other way round', () => {
  const here = openSeat({ elsewhere: null, clock: () => now_ms })
  expect(refusal(() => here.admit(own, '', wire))).toBeNull()
  expect(refusal(() => here.admit(key('red'), 'a', wire))).toContain('flows: { elsewhere: ADDRESS }')
  expect(refusal(() => here.beat(key('red'), 'a', wire, beat({ idle: 'nothing there' })))).toContain('own Node-RED')
  expect(refusal(() => elsewhere().admit(own, '', wire))).toContain('http://red.lan:1880')
  expect(refusal(() => elsewhere().admit(key('flows'), '', wire))).not.toBeNull() // it does not say which start of it asks
})

test('of two only the first routes, and the second is told where; also with the same key', () => {
  const seat = elsewhere()
  seat.beat(key('red'), 'a', wire, beat({ host: 'pi' }))
  expect(refusal(() => seat.admit(key('red'), 'b', wire))).toContain('(pi)')
  expect(refusal(() => seat.beat(key('blue'), 'b', wire, beat({ host: 'pc' })))).toContain('(pi)')
  expect([routes(seat, 'a'), seat.state()]).toEqual([true, { routes: true, host: 'pi', idle: null, held: NOTHING_HELD, heard_ms: 0 }])
})

test('one whose connections are all closed is gone after 3 s; one that has another, or speaks again, is not', () => {
  const seat = elsewhere()
  const [one, two] = [new EventEmitter(), new EventEmitter()]
  seat.admit(key('red'), 'a', one)
  seat.admit(key('red'), 'a', two)
  one.emit('close')
  now_ms += 14_000
  expect(routes(seat, 'b')).toBe(false)
  seat.admit(key('red'), 'a', two)
  two.emit('close')
  now_ms += 2_999
  expect([routes(seat, 'b'), seat.state().routes]).toEqual([false, true])
  seat.admit(key('red'), 'a', one)
  one.emit('close')
  now_ms += 2_999
  expect(routes(seat, 'b')).toBe(false)
  now_ms += 1
  expect([seat.state().routes, routes(seat, 'b'), routes(seat, 'a')]).toEqual([false, true, false])
})

test('the closed connection of one that has lost its place takes it from nobody', () => {
  const seat = elsewhere()
  const old = new EventEmitter()
  seat.admit(key('red'), 'a', old)
  now_ms += 15_000
  expect(routes(seat, 'b')).toBe(true)
  old.emit('close')
  now_ms += 3_000
  expect(routes(seat, 'a')).toBe(false)
})

test('one whose network was cut is waited for 15 s, and refused when it comes back to another one', () => {
  const seat = elsewhere()
  seat.beat(key('red'), 'a', wire, beat({ held: held('1') }))
  now_ms += 14_999
  expect([routes(seat, 'b'), seat.state()]).toEqual([false, { routes: true, host: 'pi', idle: null, held: held('1'), heard_ms: 14_999 }])
  now_ms += 1
  expect(seat.state()).toMatchObject({ routes: false, heard_ms: 15_000 })
  expect([routes(seat, 'b'), routes(seat, 'a')]).toEqual([true, false])
})

test('one that routes nothing says why and takes no place; one that stops its flows gives it up', () => {
  const seat = elsewhere()
  seat.beat(key('red'), 'a', wire, beat({ idle: 'no node of Viewshed is in its flow' }))
  expect(seat.state()).toMatchObject({ routes: false, host: 'pi', idle: 'no node of Viewshed is in its flow' })
  seat.beat(key('red'), 'b', wire, beat({ host: 'pc' }))
  seat.beat(key('red'), 'a', wire, beat({ idle: 'still nothing' }))
  expect(seat.state()).toMatchObject({ routes: true, host: 'pc', idle: null })
  seat.beat(key('red'), 'b', wire, beat({ host: 'pc', idle: 'its flows are stopped' }))
  expect(routes(seat, 'a')).toBe(true)
})

test('the flow that it told is known until another start of Node-RED speaks', () => {
  const seat = elsewhere()
  const flow = [{ id: 'n', type: 'clip.probe', wires: [['m']] }]
  expect(seat.flow()).toBeNull()
  seat.beat(key('red'), 'a', wire, beat({ flow }))
  seat.beat(key('red'), 'a', wire, beat())
  expect(seat.flow()).toEqual(flow)
  now_ms += 20_000
  seat.beat(key('red'), 'b', wire, beat())
  expect(seat.flow()).toBeNull()
})

test('what a person wants sent again is told once to whoever routes, and is held no longer until that one says so; what was dismissed, too', () => {
  const seat = elsewhere()
  seat.beat(key('red'), 'a', wire, beat({ held: held('1', '2', '3') }))
  seat.resend(['2'])
  seat.dismiss(['3'])
  expect(seat.state().held).toEqual(held('1'))
  expect(seat.beat(key('blue'), 'b', wire, beat({ idle: 'no node of Viewshed is in its flow' }))).toEqual([])
  expect(seat.beat(key('red'), 'a', wire, beat({ held: held('1', '2') }))).toEqual(['2'])
  expect([seat.beat(key('red'), 'a', wire, beat({ held: held('1', '2') })), seat.state().held]).toEqual([[], held('1', '2')])
})
