// The session of the Go back end, shared by all components and tabs, with fetch alone.
import { readonly, shallowRef } from 'vue'
import type { Session } from './session'

const api = '/api/auth'
const session = shallowRef<Session | null>() // undefined until the first answer
const tabs = new BroadcastChannel('session')

/** Fetches the session. Without an answer, the last one stays. */
async function refresh(): Promise<Session | null> {
  return receive(await fetch(`${api}/session`).catch(() => undefined))
}

/** Reads {user, expires}; signed out, the body is {} or null. */
async function receive(response?: Response): Promise<Session | null> {
  if (response?.ok && response.headers.get('X-Auth-Unavailable') !== '1') {
    const body = await response.json() as Partial<Session> | null
    session.value = body?.user ? body as Session : null
  }
  return session.value ??= null
}

/** Posts JSON with the CSRF token. */
async function post(action: string, fields: object): Promise<Response> {
  const { csrfToken } = await (await fetch(`${api}/csrf`)).json() as { csrfToken: string }
  return fetch(`${api}/${action}`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ csrfToken, json: 'true', callbackUrl: location.href, ...fields }),
  })
}

/** Posts a form of the API; its answer is where a browser without scripts would be redirected. */
async function submit(action: string, fields: object = {}): Promise<URL> {
  const { url } = await (await post(action, fields)).json() as { url: string }
  return new URL(url)
}

/** Refreshes the session here and in the other tabs. */
async function changed() {
  await refresh()
  tabs.postMessage('changed')
}

/** Signs in with a name and a password. Returns the code of the error, or null. */
async function signInWithPassword(username: string, password: string): Promise<string | null> {
  const error = (await submit('callback/credentials', { username, password })).searchParams.get('error')
  if (!error) await changed()
  return error
}

/** Leaves the page for a provider, or for the sign-in page of the back end. */
async function signIn(provider?: string) {
  location.assign(provider ? await submit(`signin/${provider}`) : `${api}/signin?callbackUrl=${encodeURIComponent(location.href)}`)
}

async function signOut() {
  await submit('signout')
  await changed()
}

/** Sends data to the JWT callback of the back end, and returns the new session. */
const update = async (data: object) => receive(await post('session', { data }))

tabs.onmessage = refresh
window.addEventListener('focus', refresh) // the session may have ended meanwhile
void refresh()

export const useSession = () => ({ session: readonly(session), refresh, update, signInWithPassword, signIn, signOut })
