import type { CameraDesk } from '../../core/contract/camera.ts'

/** For so long, until somebody decides something about the camera, or until the signal. @returns whether the time is over. */
export function nap(ms: number, desk: Pick<CameraDesk, 'onOrder'>, signal: AbortSignal): Promise<boolean> {
  return new Promise((wake) => {
    if (signal.aborted) return wake(false)
    const up = (isOver: boolean) => {
      clearTimeout(timer)
      end()
      signal.removeEventListener('abort', early)
      wake(isOver)
    }
    const early = () => up(false)
    const timer = ms === Infinity ? undefined : setTimeout(() => up(true), ms)
    const end = desk.onOrder(early)
    signal.addEventListener('abort', early, { once: true })
  })
}
