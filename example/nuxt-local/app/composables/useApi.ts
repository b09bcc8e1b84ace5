/** Returns a function that requests a route of the application. An access token that has expired is renewed. */
export function useApi() {
  const { token } = useAuth()
  const renew = useRenew()

  return async <T>(path: string) => {
    const request = () => $fetch<T>(path, { headers: token.value ? { Authorization: token.value } : {} })
    try {
      return await request()
    }
    catch (error) {
      // A page that is rendered on the server has a new token already.
      if (import.meta.server || statusOf(error) !== 401) throw error
      await renew()
      return request()
    }
  }
}
