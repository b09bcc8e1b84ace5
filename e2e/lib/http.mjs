// HTTP for tests without a browser: with cookies, and without following redirects.

/** The cookies of one origin: their names and values, without expired ones. */
export class CookieJar {
  #cookies = new Map()

  get header() {
    return [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ')
  }

  get(name) {
    return this.#cookies.get(name)
  }

  set(name, value) {
    this.#cookies.set(name, value)
  }

  store(response) {
    for (const line of response.headers.getSetCookie()) {
      const [pair, ...attributes] = line.split(/;\s*/)
      const name = pair.slice(0, pair.indexOf('='))
      const gone = attributes.some(attribute => /^max-age=(0|-\d+)$/i.test(attribute))
      if (gone) this.#cookies.delete(name)
      else this.#cookies.set(name, pair.slice(name.length + 1))
    }
  }

  /** Returns fetch with this jar; relative URLs are resolved against `origin`. */
  fetcher(origin, fetch = globalThis.fetch) {
    return async (address, init = {}) => {
      const headers = new Headers(init.headers)
      if (this.header) headers.set('cookie', this.header)
      const response = await fetch(new URL(address, origin), { redirect: 'manual', ...init, headers })
      this.store(response)
      return response
    }
  }
}

/** Signs in with a name and a password, as the HTML form does. */
export async function signInWithPassword(request, { username, password }) {
  const { csrfToken } = await (await request('/api/auth/csrf')).json()
  return request('/api/auth/callback/credentials', {
    method: 'POST',
    body: new URLSearchParams({ csrfToken, username, password, callbackUrl: '/' }),
  })
}
