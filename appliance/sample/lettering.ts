/** Letters of a number plate as strokes of a pen, so that the sample needs no font and looks the same everywhere. */

/** Paths in a cell 6 wide and 10 high. */
const GLYPHS: Readonly<Record<string, string>> = {
  A: 'M.8 9 3 1 5.2 9M1.6 6.4H4.4',
  B: 'M1 1V9H3.2Q5 9 5 7 5 4.9 3.2 4.9H1M3 4.9Q4.7 4.9 4.7 3 4.7 1 3 1H1',
  C: 'M5 3Q5 1 3 1 1 1 1 3V7Q1 9 3 9 5 9 5 7',
  D: 'M1 1V9H2.8Q5 9 5 6.8V3.2Q5 1 2.8 1Z',
  E: 'M5 1H1V9H5M1 5H4.4',
  F: 'M5 1H1V9M1 5H4.4',
  G: 'M5 3Q5 1 3 1 1 1 1 3V7Q1 9 3 9 5 9 5 7V5.2H3.3',
  H: 'M1 1V9M5 1V9M1 5H5',
  I: 'M3 1V9',
  J: 'M4.6 1V7Q4.6 9 2.9 9 1.2 9 1.2 7',
  K: 'M1 1V9M5 1 1.2 5.8M2.3 4.6 5.1 9',
  L: 'M1 1V9H5',
  M: 'M.8 9V1L3 5.6 5.2 1V9',
  N: 'M1 9V1L5 9V1',
  O: 'M1 3Q1 1 3 1 5 1 5 3V7Q5 9 3 9 1 9 1 7Z',
  P: 'M1 9V1H3Q5 1 5 3.1 5 5.2 3 5.2H1',
  Q: 'M1 3Q1 1 3 1 5 1 5 3V7Q5 9 3 9 1 9 1 7ZM3.4 7 5.2 9.2',
  R: 'M1 9V1H3Q5 1 5 3.1 5 5.2 3 5.2H1M3 5.2 5.1 9',
  S: 'M5 2.6Q5 1 3 1 1 1 1 2.9 1 4.4 3 5 5 5.6 5 7.1 5 9 3 9 1 9 1 7.4',
  T: 'M.8 1H5.2M3 1V9',
  U: 'M1 1V7Q1 9 3 9 5 9 5 7V1',
  V: 'M.8 1 3 9 5.2 1',
  W: 'M.5 1 1.8 9 3 3.4 4.2 9 5.5 1',
  X: 'M.9 1 5.1 9M5.1 1 .9 9',
  Y: 'M.9 1 3 5.2 5.1 1M3 5.2V9',
  Z: 'M1 1H5L1 9H5',
  0: 'M1 3Q1 1 3 1 5 1 5 3V7Q5 9 3 9 1 9 1 7Z',
  1: 'M1.5 2.7 3.4 1V9',
  2: 'M1 3Q1 1 3 1 5 1 5 3 5 4.4 3.6 5.8L1 9H5',
  3: 'M1 2.6Q1.2 1 3 1 4.8 1 4.8 2.9 4.8 4.8 2.8 4.8 5 4.8 5 6.9 5 9 3 9 1.1 9 1 7.2',
  4: 'M4 9V1L1 6.6H5.3',
  5: 'M4.8 1H1.4L1.1 4.8Q1.8 4.1 3 4.1 5 4.1 5 6.5 5 9 3 9 1.2 9 1 7.4',
  6: 'M4.7 2Q4.4 1 3.2 1 1 1 1 5V7Q1 9 3 9 5 9 5 6.9 5 4.7 3 4.7 1 4.7 1 6.9',
  7: 'M1 1H5L2.6 9',
  8: 'M3 1Q4.8 1 4.8 2.9 4.8 4.8 3 4.8 1.2 4.8 1.2 2.9 1.2 1 3 1ZM3 4.8Q5 4.8 5 6.9 5 9 3 9 1 9 1 6.9 1 4.8 3 4.8Z',
  9: 'M1.3 8Q1.6 9 2.8 9 5 9 5 5V3Q5 1 3 1 1 1 1 3.1 1 5.3 3 5.3 5 5.3 5 3.1',
}

const CELL = 6
const HIGH = 10
const APART = 1.2
const SPACE = 2.4

/** SVG of a text that fills a box from its middle, as high as fits. A blank is a gap. All in the units of the caller. */
export function lettering(text: string, box: { x: number; y: number; width: number; height: number }, colour: string): string {
  const wide = [...text].reduce((sum, c) => sum + (c === ' ' ? SPACE : CELL + APART), -APART)
  const scale = Math.min(box.width / wide, box.height / HIGH)
  let x = 0
  const strokes = [...text].map((c) => {
    const at = x
    x += c === ' ' ? SPACE : CELL + APART
    return c === ' ' ? '' : `<path transform="translate(${at.toFixed(1)})" d="${GLYPHS[c]!}"/>`
  })
  const left = box.x + (box.width - wide * scale) / 2
  const top = box.y + (box.height - HIGH * scale) / 2
  return `<g transform="translate(${left.toFixed(4)} ${top.toFixed(4)}) scale(${scale.toFixed(5)})" fill="none" stroke="${colour}" stroke-width="1.45" stroke-linejoin="round" stroke-linecap="square">${strokes.join('')}</g>`
}
