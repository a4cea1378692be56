/**
 * Calls of one turn that go out together: whoever calls gets an answer of their own.
 * @param send Answers each of `items`, in their order, or fails for all of them.
 * @param most So many items at a time, and no more than `most_bytes` of their JSON, but for one that is larger alone.
 */
export function together<T>(send: (items: readonly string[]) => Promise<readonly unknown[]>, most: number, most_bytes: number, answer: (value: unknown) => T): (item: object) => Promise<T> {
  let waiting: Waiting<T>[] = []

  const sendAll = () => {
    const all = waiting
    waiting = []
    for (let from = 0; from < all.length;) {
      let to = from
      let bytes = 0
      do bytes += all[to]!.bytes
      while (++to < all.length && to - from < most && bytes + all[to]!.bytes <= most_bytes)
      const some = all.slice(from, to)
      from = to
      send(some.map(({ json }) => json)).then((answers) => {
        for (const [i, { resolve, reject }] of some.entries()) {
          try {
            resolve(answer(answers[i]))
          } catch (error) {
            reject(error)
          }
        }
      }, (error: unknown) => {
        for (const { reject } of some) reject(error)
      })
    }
  }

  return (item) => new Promise<T>((resolve, reject) => {
    const json = JSON.stringify(item)
    if (waiting.push({ json, bytes: Buffer.byteLength(json) + 1, resolve, reject }) === 1) setImmediate(sendAll)
  })
}

interface Waiting<T> { readonly json: string; readonly bytes: number; readonly resolve: (value: T) => void; readonly reject: (error: unknown) => void }
