/** The address of the Go server, read when the server starts. */
export const backend = process.env.BACKEND_URL ?? 'http://localhost:3000'

/** What a request to the Go server takes over from the browser's: who the user is, and where. */
export function forwarded(from: Headers) {
  const headers = new Headers()
  for (const name of ['cookie', 'user-agent', 'x-forwarded-for']) {
    const value = from.get(name)
    if (value) headers.set(name, value)
  }
  return headers
}
