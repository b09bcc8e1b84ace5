import { NextResponse, type NextRequest } from 'next/server'
import { backend, forwarded } from './lib/backend'

// All pages.
export const config = { matcher: '/((?!api/|_next/|favicon.svg).*)' }

/**
 * Loads the session before a page is rendered, because a server component can't set the cookies that Go sends with it.
 * A session in a cookie needs this: its renewal, and each token of a provider that the server replaces, are in those
 * cookies alone. A session in a store needs it for the renewal.
 */
export async function proxy(request: NextRequest) {
  if (!request.cookies.getAll().some(({ name }) => name.includes('.session-token'))) return NextResponse.next()

  const response = await fetch(`${backend}/api/auth/session`, { headers: forwarded(request.headers), cache: 'no-store' })
    .catch(() => undefined) // the page fetches the session too, and shows the fault
  const cookies = response?.headers.getSetCookie() ?? []

  // For the page of this request…
  for (const cookie of cookies) {
    const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(cookie) ?? []
    if (/;\s*max-age=0/i.test(cookie)) request.cookies.delete(name)
    else request.cookies.set(name, decodeURIComponent(value))
  }
  const next = NextResponse.next({ request: { headers: request.headers } })
  // …and for the browser.
  for (const cookie of cookies) next.headers.append('set-cookie', cookie)
  return next
}
