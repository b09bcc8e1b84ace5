// The client of the next-auth package, in Node with a cookie jar in place of a browser.
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { after, before, beforeEach, test } from 'node:test'
import { ada, alan, grace } from '../lib/accounts.mjs'
import { CookieJar } from '../lib/http.mjs'
import { freePort, startExample } from '../lib/servers.mjs'

const require = createRequire(import.meta.url)

let backend, client, fetchData, jar

before(async () => {
  backend = await startExample({ port: await freePort() })

  // The parts of a browser that the client uses. They must be set before the package is loaded.
  globalThis.window = { location: { href: `${backend.url}/`, reload() {} } }
  globalThis.localStorage = { setItem() {} }
  const nodeFetch = globalThis.fetch
  globalThis.fetch = (...args) => jar.fetcher(backend.url, nodeFetch)(...args)
  client = require('next-auth/react')
  fetchData = require('next-auth/client/_utils').fetchData // called by update() of useSession
})

beforeEach(() => {
  jar = new CookieJar()
  window.location.href = `${backend.url}/`
})

after(() => backend?.stop())

const byPassword = ({ username, password }) =>
  client.signIn('credentials', { username, password, redirect: false })

test('getSession returns null when signed out', async () => {
  assert.equal(await client.getSession(), null)
})

test('getCsrfToken returns the same token twice', async () => {
  const token = await client.getCsrfToken()
  assert.match(token, /^[0-9a-f]{64}$/)
  assert.equal(await client.getCsrfToken(), token)
})

test('getProviders returns both providers with their types', async () => {
  const providers = await client.getProviders()
  assert.equal(providers.credentials.type, 'credentials')
  assert.ok(['oauth', 'oidc'].includes(providers.demo.type), providers.demo.type)
  assert.equal(providers.demo.signinUrl, `${backend.url}/api/auth/signin/demo`)
  assert.equal(providers.demo.callbackUrl, `${backend.url}/api/auth/callback/demo`)
})

test('signIn with the right password signs in', async () => {
  assert.deepEqual(await byPassword(ada), { error: null, status: 200, ok: true, url: `${backend.url}/` })

  const session = await client.getSession()
  assert.equal(session.user.role, ada.role)
  assert.ok(Date.parse(session.expires) > Date.now())
})

test('signIn with a wrong password reports CredentialsSignin', async () => {
  const result = await byPassword({ ...ada, password: 'byron' })
  assert.deepEqual(result, { error: 'CredentialsSignin', status: 401, ok: false, url: null })
  assert.equal(await client.getSession(), null)
})

test('signIn with a redirect navigates to the callback URL', async () => {
  await client.signIn('credentials', { username: grace.username, password: grace.password, callbackUrl: '/admin' })
  assert.equal(window.location.href, `${backend.url}/admin`)
  assert.equal((await client.getSession()).user.role, grace.role)
})

test('signIn with the OpenID provider navigates to its authorization endpoint', async () => {
  await client.signIn('demo')
  const target = new URL(window.location.href)
  assert.equal(target.origin, backend.url)
  assert.match(target.pathname, /^\/demo-provider\//)
  assert.equal(target.searchParams.get('redirect_uri'), `${backend.url}/api/auth/callback/demo`)
  assert.equal(target.searchParams.get('code_challenge_method'), 'S256')
  assert.ok(target.searchParams.get('state'))
  assert.ok(target.searchParams.get('nonce'))
})

test('signIn with an unknown provider navigates to the sign-in page', async () => {
  await client.signIn('unknown')
  assert.equal(window.location.href, `/api/auth/signin?callbackUrl=${encodeURIComponent(`${backend.url}/`)}`)
})

test('signOut ends the session', async () => {
  await byPassword(ada)
  assert.deepEqual(await client.signOut({ redirect: false }), { url: `${backend.url}/` })
  assert.equal(await client.getSession(), null)
  assert.equal(jar.get('next-auth.session-token'), undefined)
})

test('signOut with a redirect navigates to the callback URL', async () => {
  await byPassword(ada)
  await client.signOut({ callbackUrl: '/admin' })
  assert.equal(window.location.href, `${backend.url}/admin`)
})

test('update of useSession keeps the session and does not change the role', async () => {
  await byPassword(alan)
  const body = { csrfToken: await client.getCsrfToken(), data: { role: 'admin', user: { role: 'admin' } } }
  const server = { basePath: '/api/auth' }
  const logger = { error: (code, { error }) => assert.fail(`${code}: ${error}`) }
  const session = await fetchData('session', server, logger, { req: { body } })
  assert.equal(session.user.role, alan.role)
  assert.equal((await client.getSession()).user.role, alan.role)
})
