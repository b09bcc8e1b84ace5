import { error } from '@sveltejs/kit'
import type { Session } from '@auth/sveltekit'
import type { LayoutServerLoad } from './$types'

// The fetch of the event, with a path: it sends the cookies of the browser, goes through hooks.server.ts, and sets the
// cookies of the answer in the browser, so that no renewal of the session is lost. The global fetch does none of it.
export const load: LayoutServerLoad = async ({ fetch, request }) => {
  const response = await fetch('/auth/session', {
    headers: { 'user-agent': request.headers.get('user-agent') ?? '' },
  })
  // Not to be taken for a sign-out: the user is still signed in when the server answers again.
  if (!response.ok || response.headers.has('x-auth-unavailable')) error(503, 'The server does not respond. Try again in a moment.')
  const session: Session | null = await response.json()
  return { session }
}
