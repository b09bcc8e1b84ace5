import type { NextRequest } from 'next/server'
import { backend } from '@/lib/backend'

// The Go server has these paths. X-Forwarded-Host, -Proto and -For are among the headers: Next.js adds them.
async function toBackend(request: NextRequest) {
  const headers = new Headers(request.headers)
  for (const name of ['host', 'connection', 'content-length', 'transfer-encoding', 'expect']) headers.delete(name)

  const response = await fetch(backend + request.nextUrl.pathname + request.nextUrl.search, {
    method: request.method,
    headers,
    body: request.body && await request.arrayBuffer(),
    redirect: 'manual', // the browser follows redirects: following one here would lose its cookies
    cache: 'no-store',
  })
  const answer = new Headers(response.headers)
  for (const name of ['content-encoding', 'content-length', 'transfer-encoding', 'connection']) answer.delete(name)
  return new Response(response.body, { status: response.status, headers: answer })
}

export { toBackend as GET, toBackend as POST, toBackend as PUT, toBackend as PATCH, toBackend as DELETE }
