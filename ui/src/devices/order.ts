/** Cards stay where they are while somebody points at them: known ones keep their order, gone ones leave, new ones come last. */
export function settled(shown: readonly string[], wanted: readonly string[], held: boolean): readonly string[] {
  if (!held) return wanted
  const there = new Set(wanted)
  return [...shown.filter((id) => there.has(id)), ...wanted.filter((id) => !shown.includes(id))]
}
