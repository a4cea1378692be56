import type { CameraDesk } from '../../core/contract/camera.ts'

/** For so long, until somebody decides something about the camera, or until the signal. */
export function nap(ms: number, desk: Pick<CameraDesk, 'onOrder'>, signal: AbortSignal): Promise<void> {
  return new Promise((wake) => {
    if (signal.aborted) return wake()
    const up = () => {
      clearTimeout(timer)
      end()
      signal.removeEventListener('abort', up)
      wake()
    }
    const timer = ms === Infinity ? undefined : setTimeout(up, ms)
    const end = desk.onOrder(up)
    signal.addEventListener('abort', up, { once: true })
  })
}
