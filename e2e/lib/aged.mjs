// Sessions of an age, for tests of their renewal.
import { decode, encode } from '@auth/core/jwt'
import { mock } from 'node:test'
import { secret } from './servers.mjs'

/** The name of the session cookie of Auth.js 5, which is the salt of its key too. */
export const cookieName = 'authjs.session-token'

/** Returns the claims of a sealed token. */
export const claimsOf = token => decode({ token, secret, salt: cookieName })

/** Seals a token again as if that had been `seconds` ago: Go renews a session in a cookie from an age of one minute. */
export async function aged(token, seconds) {
  const claims = await claimsOf(token)
  mock.timers.enable({ apis: ['Date'], now: Date.now() - seconds * 1000 })
  try {
    return await encode({ token: claims, secret, salt: cookieName })
  }
  finally {
    mock.timers.reset()
  }
}
