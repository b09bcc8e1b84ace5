import NextAuth, { type Session } from 'next-auth'
import type { JWT } from 'next-auth/jwt'

// Only auth() is used: sign-in, sign-out and renewal are Go's.
const { auth } = NextAuth({
  providers: [],
  trustHost: true,
  callbacks: { session: ({ session, token }) => ({ ...session, token }) },
})

/**
 * The token that Go sealed in the cookie, opened in Node with the same AUTH_SECRET, without a request to Go.
 * It is null for a signed-out user, and for a session in a store, whose cookie has no claims. It does not know of
 * sessions that ended early. Parts of it are for the server alone: never pass the whole to a client component.
 */
export async function claims(): Promise<JWT | null> {
  const session = await auth() as Session & { token: JWT } | null
  return session && session.token
}
