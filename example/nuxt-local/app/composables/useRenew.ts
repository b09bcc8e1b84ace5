/**
 * Gets a new access token, and the session with it. The answer 401 means that the session has
 * ended: then the tokens are deleted, which nuxt-auth does not do. After any other error, such
 * as of the network, the refresh token is as good as before.
 */
export function useRenew() {
  const { refresh, signOut } = useAuth()

  return async () => {
    try {
      await refresh()
    }
    catch (error) {
      if (statusOf(error) !== 401) throw error
      await signOut({ callbackUrl: '/' })
    }
  }
}
