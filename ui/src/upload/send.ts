/** One file into the inbox, from where it was left. */
import { Trouble } from '../api.ts'

export interface Chosen { readonly path: string; readonly file: File }

const address = ({ path, file }: Chosen) => `/api/inbox/${path.split('/').map(encodeURIComponent).join('/')}?length=${file.size}&modified=${file.lastModified}`

/** How much of it is there already: all of it, when it was sent before. Throws Trouble. */
export async function there(chosen: Chosen, signal: AbortSignal): Promise<number> {
  let answer: Response
  try {
    answer = await fetch(address(chosen), { method: 'HEAD', credentials: 'same-origin', signal })
  } catch (error) {
    if (!(error instanceof TypeError)) throw error // aborted
    throw offline()
  }
  if (!answer.ok) throw new Trouble('offline', `The box answered ${answer.status}.`, answer.status)
  return Number(answer.headers.get('upload-offset') ?? 0)
}

/** Sends the rest. `onSent` is told how much is there by now. Throws Trouble, and the signal's reason. */
export function send(chosen: Chosen, from: number, onSent: (bytes: number) => void, signal: AbortSignal): Promise<void> {
  return new Promise((done, fail) => {
    const asking = new XMLHttpRequest() // `fetch` tells nothing of what is on its way
    const stop = () => asking.abort()
    signal.addEventListener('abort', stop, { once: true })
    asking.open('PATCH', address(chosen))
    asking.setRequestHeader('upload-offset', String(from))
    asking.setRequestHeader('upload-length', String(chosen.file.size))
    asking.upload.onprogress = ({ loaded }) => onSent(from + loaded)
    asking.onabort = () => fail(signal.reason as Error)
    asking.onerror = () => fail(offline())
    asking.onload = () => (asking.status >= 200 && asking.status < 300 ? done() : fail(troubleOf(asking.status, asking.responseText)))
    asking.onloadend = () => signal.removeEventListener('abort', stop)
    asking.send(chosen.file.slice(from))
  })
}

const offline = () => new Trouble('offline', 'The box did not answer.', 0)

function troubleOf(status: number, text: string): Trouble {
  try {
    const { code, message } = JSON.parse(text) as { code: string; message: string }
    return new Trouble(code, message, status)
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    return new Trouble('offline', `The box answered ${status} without a reason.`, status)
  }
}
