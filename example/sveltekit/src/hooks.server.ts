import type { Handle, RequestEvent } from '@sveltejs/kit'
import { env } from '$env/dynamic/private'

// The Go server has the paths below /auth, and the application's below /api.
export const handle: Handle = ({ event, resolve }) =>
  /^\/(auth|api)\//.test(event.url.pathname) ? toBackend(event) : resolve(event)

async function toBackend({ request, url, getClientAddress }: RequestEvent) {
  const headers = new Headers(request.headers)
  for (const name of ['host', 'connection', 'content-length', 'transfer-encoding', 'expect']) headers.delete(name)
  headers.set('x-forwarded-host', url.host)
  headers.set('x-forwarded-proto', url.protocol.slice(0, -1))
  headers.set('x-forwarded-for', getClientAddress()) // so that failed sign-ins count for the client, and not for this server

  const response = await fetch((env.BACKEND_URL ?? 'http://localhost:3000') + url.pathname + url.search, {
    method: request.method,
    headers,
    body: request.body && await request.arrayBuffer(),
    redirect: 'manual', // the browser follows redirects: following one here would lose its cookies
  }).catch(() => new Response('The server does not respond.', { status: 502 }))

  const answer = new Headers(response.headers)
  for (const name of ['content-encoding', 'content-length', 'transfer-encoding', 'connection']) answer.delete(name)
  return new Response(response.body, { status: response.status, headers: answer })
}
