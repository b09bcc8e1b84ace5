// Applications in Node with the real next-auth 4 or Auth.js 5, which sign users in through an
// OpenID provider and by e-mail. They run in the process of the test.
import { once } from 'node:events'
import { createServer } from 'node:http'
import { Auth } from '@auth/core'
import nextAuth from 'next-auth/next'
import { secret } from './servers.mjs'

const scope = 'openid profile email offline_access'
const profile = ({ sub, name, email, picture }) => ({ id: sub, name, email, image: picture })

/** Starts an application with next-auth 4 on a port. `issuer` and `client` are those of the provider "idp". */
export function startNextAuth(options) {
  process.env.NEXTAUTH_URL = `http://localhost:${options.port}` // it reads its origin there
  return serve(options, { id: 'email' }, (config) => {
    const { issuer, client } = options
    config.providers.unshift({
      id: 'idp', name: 'idp', type: 'oauth', wellKnown: `${issuer}/.well-known/openid-configuration`, idToken: true,
      checks: ['pkce', 'state'], authorization: { params: { scope } }, profile,
      clientId: client.id, clientSecret: client.secret,
    })
    return async (request, body, respond) => {
      const url = new URL(request.url, process.env.NEXTAUTH_URL)
      const query = { ...Object.fromEntries(url.searchParams), nextauth: url.pathname.split('/').slice(3) }
      const cookies = Object.fromEntries((request.headers.cookie ?? '').split('; ').filter(Boolean).map((pair) => {
        const [name, value] = [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]
        return [name, decodeURIComponent(value)]
      }))
      const form = Object.fromEntries(new URLSearchParams(body))
      Object.assign(respond, {
        status(code) {
          respond.statusCode = code
          return respond
        },
        json: value => respond.setHeader('content-type', 'application/json').end(JSON.stringify(value)),
        send: value => typeof value === 'string' ? respond.end(value) : respond.json(value),
      })
      await nextAuth.default({ method: request.method, headers: request.headers, query, cookies, body: form }, respond, config)
    }
  })
}

/** Starts an application with Auth.js 5, as startNextAuth does. */
export function startAuthJS(options) {
  const origin = `http://localhost:${options.port}`
  return serve(options, { id: 'nodemailer' }, (config) => {
    const { issuer, client } = options
    config.providers.unshift({
      id: 'idp', name: 'idp', type: 'oidc', issuer, authorization: { params: { scope } }, profile,
      clientId: client.id, clientSecret: client.secret,
    })
    return async (request, body, respond) => {
      const response = await Auth(new Request(new URL(request.url, origin), {
        method: request.method, headers: request.headers, body: body || undefined,
      }), { ...config, trustHost: true, basePath: '/api/auth' })
      for (const [name, value] of response.headers) if (name !== 'set-cookie') respond.setHeader(name, value)
      respond.setHeader('set-cookie', response.headers.getSetCookie())
      respond.writeHead(response.status).end(await response.text())
    }
  })
}

async function serve({ port, adapter }, email, handlerOf) {
  const links = []
  const errors = []
  const handle = handlerOf({
    secret,
    adapter,
    session: { strategy: 'jwt' },
    pages: { newUser: '/welcome' },
    providers: [{
      ...email, name: 'Email', type: 'email', from: 'app@example.com', server: '', maxAge: 24 * 60 * 60, options: {},
      sendVerificationRequest: ({ identifier, url }) => { links.push({ to: identifier, url }) },
    }],
    callbacks: { session: ({ session, token }) => ({ ...session, subject: token.sub }) },
    logger: { error: (...args) => errors.push(args), warn() {}, debug() {} },
  })
  const server = createServer(async (request, respond) => {
    try {
      const chunks = await request.toArray()
      await handle(request, Buffer.concat(chunks).toString(), respond)
    }
    catch (error) {
      errors.push([error])
      respond.writeHead(500).end(String(error))
    }
  })
  server.listen(port, 'localhost')
  await once(server, 'listening')
  return {
    url: `http://localhost:${port}`,
    links,
    errors,
    async stop() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}
