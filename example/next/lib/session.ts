import { headers } from 'next/headers'
import { cache } from 'react'
import type { Session } from 'next-auth'
import { backend, forwarded } from './backend'

/** The session of the request, as the Session callback in Go returns it. It is fetched once for each rendering. */
export const session = cache(async (): Promise<Session | null> => {
  const response = await fetch(`${backend}/api/auth/session`, {
    headers: forwarded(await headers()),
    cache: 'no-store',
  })
  // Not to be taken for a sign-out: the user is still signed in when the server answers again.
  if (!response.ok || response.headers.has('x-auth-unavailable')) throw new Error('The session could not be loaded.')
  return response.json()
})
