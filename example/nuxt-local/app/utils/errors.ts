import { FetchError } from 'ofetch'

/** The body of an error of the back end. */
interface Problem {
  code: string
  message: string
  fields?: Record<string, string>
}

/** Returns the status of an answer that is an error, undefined if there was no answer. */
export function statusOf(error: unknown): number | undefined {
  return error instanceof FetchError ? error.statusCode : undefined
}

/** Returns what the back end says about an error. Without an answer of the back end it is a fault. */
export function problemOf(error: unknown): Problem {
  const body: unknown = error instanceof FetchError ? error.data : undefined
  if (typeof body === 'object' && body !== null && 'code' in body) return body as Problem
  return { code: 'Unavailable', message: 'The server does not respond. Try again in a moment.' }
}
