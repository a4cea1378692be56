/** What of a message is told outside: its `body`, or what is known of the recording. */
export function said<T extends { readonly body?: Record<string, unknown> }>({ body, ...known }: T): string {
  return JSON.stringify(body ?? known)
}
