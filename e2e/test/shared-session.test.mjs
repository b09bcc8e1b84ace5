// One session for Go and Node: each side opens the tokens of the other with the same secret.
import assert from 'node:assert/strict'
import * as authCore from '@auth/core/jwt'
import nextAuth from 'next-auth/jwt'
import { after, before, describe, test } from 'node:test'
import { ada, grace } from '../lib/accounts.mjs'
import { CookieJar, signInWithPassword } from '../lib/http.mjs'
import { freePort, secret, startExample } from '../lib/servers.mjs'

const protocols = [
  {
    name: 'next-auth 4',
    env: {},
    cookie: 'next-auth.session-token',
    signedOut: {},
    encode: options => nextAuth.encode({ secret, ...options }),
    getToken: jar => nextAuth.getToken({ req: { headers: {}, cookies: { [protocols[0].cookie]: jar.get(protocols[0].cookie) } }, secret }),
  },
  {
    name: 'Auth.js 5',
    env: { AUTH_PROTOCOL: 'authjs' },
    cookie: 'authjs.session-token',
    signedOut: null,
    encode: options => authCore.encode({ secret, salt: 'authjs.session-token', ...options }),
    getToken: jar => authCore.getToken({ req: { headers: { cookie: jar.header } }, secret }),
  },
]

for (const protocol of protocols) {
  describe(protocol.name, () => {
    let backend

    before(async () => {
      backend = await startExample({ port: await freePort(), env: protocol.env })
    })

    after(() => backend?.stop())

    const newClient = () => {
      const jar = new CookieJar()
      return { jar, request: jar.fetcher(backend.url) }
    }

    async function signedIn(account) {
      const { jar, request } = newClient()
      await signInWithPassword(request, account)
      assert.ok(jar.get(protocol.cookie), `no cookie ${protocol.cookie} after signing in`)
      return { jar, request, claims: await protocol.getToken(jar) }
    }

    async function roleFor(token) {
      const { jar, request } = newClient()
      jar.set(protocol.cookie, token)
      const response = await request('/api/me')
      return response.status === 200 ? (await response.json()).user.role : response.status
    }

    test('getToken in Node opens the cookie that Go sealed', async () => {
      const { claims } = await signedIn(ada)
      assert.ok(claims, 'the cookie was not opened')
      assert.match(claims.name, /Ada/)
      assert.ok(claims.sub)
      assert.ok(claims.jti)
      assert.ok(claims.exp > claims.iat)
    })

    test('Go accepts the token that Node sealed', async () => {
      const { claims } = await signedIn(grace)
      assert.equal(await roleFor(await protocol.encode({ token: claims })), grace.role)
    })

    test('Go accepts the token that Node sealed as a bearer token', async () => {
      const { claims } = await signedIn(grace)
      const token = await protocol.encode({ token: claims })
      const response = await fetch(`${backend.url}/api/me`, { headers: { authorization: `Bearer ${token}` } })
      assert.equal(response.status, 200)
    })

    test('Go rejects a token that was sealed with another secret', async () => {
      const { claims } = await signedIn(ada)
      assert.equal(await roleFor(await protocol.encode({ token: claims, secret: 'another-secret-of-a-decent-length-0123456789' })), 401)
    })

    test('Go rejects a token of Node that has expired', async () => {
      const { claims } = await signedIn(ada)
      assert.equal(await roleFor(await protocol.encode({ token: claims, maxAge: -120 })), 401)
    })

    test('Go keeps claims that its token type does not declare', async () => {
      const { jar, request, claims } = await signedIn(ada)
      const sealed = await protocol.encode({ token: { ...claims, node: { largest: 9007199254740991, list: ['ü', null] } } })
      jar.set(protocol.cookie, sealed)

      const { csrfToken } = await (await request('/api/auth/csrf')).json()
      const update = await request('/api/auth/session', { // seals the token again, as GET does after a minute
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ csrfToken, data: {} }),
      })
      assert.equal((await update.json()).user.role, ada.role)
      assert.notEqual(jar.get(protocol.cookie), sealed, 'the cookie was not sealed again')
      assert.deepEqual((await protocol.getToken(jar)).node, { largest: 9007199254740991, list: ['ü', null] })
    })

    test('Go reads a token that Node has split into chunks', async () => {
      const { claims } = await signedIn(ada)
      const token = await protocol.encode({ token: { ...claims, ballast: 'x'.repeat(5000) } })
      const { jar, request } = newClient()
      for (let i = 0; i * 3933 < token.length; i++) {
        jar.set(`${protocol.cookie}.${i}`, token.slice(i * 3933, (i + 1) * 3933))
      }
      assert.equal((await request('/api/me')).status, 200)
    })

    test('session when signed out has the form of the protocol', async () => {
      const response = await newClient().request('/api/auth/session')
      assert.equal(response.status, 200)
      assert.deepEqual(await response.json(), protocol.signedOut)
    })
  })
}
