// The SvelteKit front end with the client of @auth/sveltekit, and the Go back end, in Chromium.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { ada, grace } from '../lib/accounts.mjs'
import { aged, claimsOf, cookieName } from '../lib/aged.mjs'
import { launch, photograph, sessionCookie, signInAtProvider, withContext } from '../lib/browser.mjs'
import { expectAvatar, expectSignedIn, expectSignedOut, signIn, signInAtBackend } from '../lib/front.mjs'
import { freePort, startExample, startSvelteKit } from '../lib/servers.mjs'

let backend, app, browser

const backendFor = async (port, env) =>
  startExample({ port: await freePort(), origin: `http://localhost:${port}/auth`, env: { AUTH_PROTOCOL: 'authjs', ...env } })

before(async () => {
  const port = await freePort()
  backend = await backendFor(port)
  app = await startSvelteKit({ port, backend: backend.url })
  browser = await launch()
})

after(async () => {
  await browser?.close()
  await app?.stop()
  await backend?.stop()
})

const visitAt = (baseURL, options, steps) => withContext(browser, { baseURL, ...options }, async (context) => {
  await steps(await context.newPage(), context)
})
const visit = (options, steps) => visitAt(app.url, options, steps)

test('sign-in with a password: a message after a wrong one, then name, avatar and role', () =>
  visit({}, async (page, context) => {
    await page.goto('/')
    await photograph(page, 'sveltekit-signed-out')
    await signIn(page, { ...ada, password: 'byron' })
    await page.getByText('Wrong user name or password.').waitFor()
    await photograph(page, 'sveltekit-wrong-password')
    assert.equal(await sessionCookie(context, cookieName), undefined)

    await signIn(page, ada)
    await expectSignedIn(page, ada)
    assert.match(await page.getByTestId('name').innerText(), /Ada/)
    await expectAvatar(page)
    await photograph(page, 'sveltekit-signed-in')

    assert.equal((await sessionCookie(context, cookieName)).httpOnly, true)
    assert.ok(!(await page.content()).includes('sessionToken'), 'the access token is in the page')
  }))

test('sign-in with the OpenID provider returns to the page', () =>
  visit({}, async (page) => {
    await page.goto('/')
    await page.getByRole('button', { name: 'Continue with Demo ID' }).click()
    await signInAtProvider(page, grace)
    await page.waitForURL(`${app.url}/`)
    await expectSignedIn(page, grace)
  }))

test('session is rendered on the server, without scripts in the browser', () =>
  visit({ javaScriptEnabled: false }, async (page) => {
    await page.goto('/')
    await page.getByRole('link', { name: 'Sign in without scripts' }).click()
    await signInAtBackend(page, ada)
    await expectSignedIn(page, ada)
  }))

test('protected page redirects to the sign-in page and back, by address and by link', () =>
  visit({}, async (page) => {
    await page.goto('/protected')
    assert.equal(new URL(page.url()).pathname, '/auth/signin')
    await page.goto('/')
    await page.getByRole('link', { name: 'Protected' }).click()
    await page.waitForURL('**/auth/signin?**')
    await signInAtBackend(page, ada)

    await page.waitForURL(`${app.url}/protected`)
    await page.getByRole('heading', { name: 'Protected' }).waitFor()
    assert.equal(JSON.parse(await page.getByTestId('me').innerText()).user.role, ada.role)
    await photograph(page, 'sveltekit-protected')
  }))

test('renewal of a session reaches the browser with the rendered page', () =>
  visit({ javaScriptEnabled: false }, async (page, context) => {
    await page.goto('/auth/signin?callbackUrl=%2F')
    await signInAtBackend(page, ada)
    await expectSignedIn(page, ada)

    const cookie = await sessionCookie(context, cookieName)
    const old = await aged(cookie.value, 3600)
    await context.addCookies([{ ...cookie, value: old }])
    await page.goto('/protected')
    await expectSignedIn(page, ada)

    const renewed = (await sessionCookie(context, cookieName)).value
    const [before, after] = [await claimsOf(old), await claimsOf(renewed)]
    assert.ok(after.iat >= before.iat + 3600, 'the cookie was not renewed')
    assert.equal(after.sessionToken, before.sessionToken)
  }))

test('refresh after the end of the session signs out, and clears the cookie', () =>
  visit({}, async (page, context) => {
    await page.goto('/')
    await signIn(page, grace)
    await expectSignedIn(page, grace)
    await page.getByRole('button', { name: 'Refresh session' }).click()
    await page.getByText('refreshed at').waitFor()

    const ended = await context.request.post('/api/expire', { headers: { origin: app.url } })
    assert.ok(ended.ok(), `POST /api/expire: status ${ended.status()}`)
    await page.getByRole('button', { name: 'Refresh session' }).click()
    await expectSignedOut(page)
    assert.equal(await sessionCookie(context, cookieName), undefined)
  }))

test('sign-out ends the session for all pages', () =>
  visit({}, async (page, context) => {
    await page.goto('/')
    await signIn(page, ada)
    await expectSignedIn(page, ada)
    await page.getByRole('button', { name: 'Sign out' }).click()

    await expectSignedOut(page)
    assert.equal(await sessionCookie(context, cookieName), undefined)
    await page.goto('/protected')
    assert.equal(new URL(page.url()).pathname, '/auth/signin')
  }))

test('while the back end is down, a page says so and the session stays', async () => {
  const port = await freePort()
  const own = await backendFor(port, { SESSIONS: 'memory' })
  const front = await startSvelteKit({ port, backend: own.url })
  try {
    await visitAt(front.url, { allow: [/status of 503/] }, async (page, context) => {
      await page.goto('/')
      await signIn(page, ada)
      await expectSignedIn(page, ada)
      await own.stop()
      await page.goto('/')
      await page.getByText('The server does not respond.').waitFor()
      await photograph(page, 'sveltekit-unavailable')
      assert.ok(await sessionCookie(context, cookieName), 'the session cookie is gone')
    })
  }
  finally {
    await front.stop()
    await own.stop()
  }
})
