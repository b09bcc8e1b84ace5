// The Nuxt front end with the provider local of nuxt-auth, with the Go back end, in Chromium.
import assert from 'node:assert/strict'
import nextAuth from 'next-auth/jwt'
import { after, before, test } from 'node:test'
import { ada, alan, grace } from '../lib/accounts.mjs'
import { launch, photograph, withContext } from '../lib/browser.mjs'
import { startGateway } from '../lib/gateway.mjs'
import { CookieJar, signInWithPassword } from '../lib/http.mjs'
import { freePort, secret, startExample, startNuxt } from '../lib/servers.mjs'

const api = '/api/auth/local'

let backend, gateway, app, browser

before(async () => {
  const port = await freePort()
  backend = await startExample({ port: await freePort(), origin: `http://localhost:${port}`, env: { SESSIONS: 'memory' } })
  gateway = await startGateway(backend.url)
  app = await startNuxt({ name: 'nuxt-local', port, backend: gateway.url })
  browser = await launch()
})

after(async () => {
  await browser?.close()
  await app?.stop()
  await gateway?.close()
  await backend?.stop()
})

const visit = (options, steps) => withContext(browser, { baseURL: app.url, ...options }, async (context) => {
  await steps(await context.newPage(), context)
})

async function signIn(page, { username, password }) {
  await page.getByLabel('User name').fill(username)
  await page.getByLabel('Password').fill(password)
  await page.getByRole('button', { name: 'Sign in' }).click()
}

async function expectSignedIn(page, { role }) {
  await page.getByTestId('role').waitFor()
  assert.equal(await page.getByTestId('role').innerText(), role)
}

const expectSignedOut = page => page.getByRole('heading', { name: 'Sign in' }).waitFor()

/** Waits until scripts handle the events of a page that the server has rendered. */
const hydrated = page => page.waitForFunction(() => window.useNuxtApp?.().isHydrating === false)

/** Visits the start page, and signs in there. */
const visitAs = (account, options, steps) => visit(options, async (page, context) => {
  await page.goto('/')
  await signIn(page, account)
  await expectSignedIn(page, account)
  await steps(page, context)
})

/** Returns the tokens in the cookies, which nuxt-auth writes. */
async function tokens(context) {
  const cookies = await context.cookies()
  const value = name => cookies.find(cookie => cookie.name === name)?.value
  return { access: value('auth.token'), refresh: value('auth.refresh-token') }
}

/** Requests a path of the back end with an access token. */
const asBearer = (token, path = `${api}/session`) => fetch(backend.url + path, { headers: { authorization: `Bearer ${token}` } })

/** Returns an access token as Go has sealed it, but for its time, which is over. */
async function expiredToken(token) {
  const salt = 'nuxtauth.local.access'
  const { handle } = await nextAuth.decode({ token, secret, salt })
  const expired = await nextAuth.encode({ token: { handle }, secret, salt, maxAge: -3600 })
  assert.equal((await asBearer(await nextAuth.encode({ token: { handle }, secret, salt, maxAge: 60 }))).status, 200, 'Go does not open what Node seals')
  assert.equal((await asBearer(expired)).status, 401)
  return expired
}

test('sign-in with a wrong password shows a message', () =>
  visit({ allow: [/status of 401/] }, async (page, context) => {
    await page.goto('/')
    await signIn(page, { ...ada, password: 'byron' })

    await page.getByRole('alert').waitFor()
    assert.equal(await page.getByRole('alert').innerText(), 'Wrong user name or password.')
    assert.deepEqual(await tokens(context), { access: undefined, refresh: undefined })
    await photograph(page, 'nuxt-local-wrong-password')

    await signIn(page, ada)
    await expectSignedIn(page, ada)
  }))

test('sign-in shows name, avatar and role', () =>
  visitAs(ada, {}, async (page, context) => {
    assert.match(await page.getByTestId('name').innerText(), /Ada/)
    const drawn = await page.locator('.profile img').evaluate(async (image) => {
      await image.decode()
      return image.naturalWidth
    })
    assert.ok(drawn > 0, 'the avatar is not a picture')
    await photograph(page, 'nuxt-local-signed-in')

    const cookies = await context.cookies()
    assert.deepEqual(cookies.map(cookie => cookie.name).sort(), ['auth.refresh-token', 'auth.token'])
    assert.ok(cookies.every(cookie => cookie.secure && cookie.sameSite === 'Lax'), JSON.stringify(cookies))
  }))

test('sign-up sends a link, by which the new user gets a password', () =>
  visit({ allow: [/status of 422/] }, async (page, context) => {
    const username = 'zoe@example.com', password = 'correct horse battery staple'
    await page.goto('/')
    await page.getByRole('link', { name: 'Sign up' }).click()
    await page.getByLabel('Email').fill('zoe')
    await page.getByRole('button', { name: 'Send the link' }).click()
    await page.getByRole('alert').waitFor()
    assert.match(await page.getByRole('alert').innerText(), /Write an email address/)
    await photograph(page, 'nuxt-local-signup')
    await page.getByLabel('Email').fill(username)
    await page.getByRole('button', { name: 'Send the link' }).click()
    await page.getByText(`on its way to ${username}`).waitFor()
    await photograph(page, 'nuxt-local-signup-sent')

    const mailbox = await context.newPage()
    const link = mailbox.locator('.mails li', { hasText: username }).locator('a[href^="http"]').first()
    await mailbox.goto(`${backend.url}/outbox`)
    while (!(await link.count())) await mailbox.reload()
    await mailbox.goto(await link.getAttribute('href'))
    await mailbox.fill('input[name=name]', 'Zoë')
    await mailbox.fill('input[name=password]', password)
    await mailbox.getByRole('button', { name: 'Create account' }).click()
    await mailbox.getByText('Your account is ready').waitFor()

    await page.getByRole('link', { name: 'Sign in' }).click()
    await signIn(page, { username, password })
    await expectSignedIn(page, { role: 'user' })
    assert.equal(await page.getByTestId('name').innerText(), 'Zoë')
  }))

test('a reload keeps the session: the server renders it, and refreshes the access token', () =>
  visitAs(ada, {}, async (page, context) => {
    const before = await tokens(context)
    const response = await page.reload()
    await expectSignedIn(page, ada)
    assert.match(await response.text(), /Ada Lovelace/)
    assert.equal(response.headers()['cache-control'], 'private, no-store')

    const now = await tokens(context)
    assert.equal(now.refresh, before.refresh)
    assert.notEqual(now.access, before.access)
    assert.equal((await asBearer(now.access)).status, 200)

    const storageState = await context.storageState()
    await visit({ javaScriptEnabled: false, storageState }, async (scriptless) => {
      await scriptless.goto('/')
      await expectSignedIn(scriptless, ada)
    })
  }))

test('protected page redirects to the sign-in page and back', () =>
  visit({}, async (page) => {
    await page.goto('/protected')
    await expectSignedOut(page)
    await signIn(page, ada)

    await page.waitForURL(`${app.url}/protected`)
    await page.getByRole('heading', { name: 'Protected' }).waitFor()
    assert.equal(JSON.parse(await page.getByTestId('me').innerText()).user.role, ada.role)

    await page.reload()
    await page.getByRole('heading', { name: 'Protected' }).waitFor()
    assert.equal(JSON.parse(await page.getByTestId('me').innerText()).user.role, ada.role)
    await photograph(page, 'nuxt-local-protected')
  }))

test('refreshes in two tabs at the same time sign out neither', () =>
  visitAs(grace, {}, async (first, context) => {
    const second = await context.newPage()
    await second.goto('/')
    await hydrated(second)
    await expectSignedIn(second, grace)
    const tabs = [first, second]

    // The requests wait for each other in front of the server.
    let waiting = 0, release
    const both = new Promise((resolve) => { release = resolve })
    await context.route(`**${api}/refresh`, async (route) => {
      if (++waiting === tabs.length) release()
      await both
      await route.continue()
    })
    const answers = tabs.map(tab => tab.waitForResponse(`**${api}/refresh`))
    await Promise.all(tabs.map(tab => tab.getByRole('button', { name: 'Refresh session' }).click()))
    for (const answer of await Promise.all(answers)) assert.equal(answer.status(), 200)
    await context.unroute(`**${api}/refresh`)

    await Promise.all(tabs.map(tab => tab.getByText('refreshed at').waitFor()))
    await Promise.all(tabs.map(tab => tab.reload()))
    for (const tab of tabs) {
      await expectSignedIn(tab, grace)
      await tab.getByRole('link', { name: 'Protected' }).click()
      await tab.getByTestId('me').waitFor()
    }
  }))

test('an access token that has expired is renewed by the server that renders a page', () =>
  visitAs(ada, {}, async (page, context) => {
    const expired = await expiredToken((await tokens(context)).access)
    await context.addCookies([{ name: 'auth.token', value: expired, url: app.url, secure: true, sameSite: 'Lax' }])
    await page.reload()
    await expectSignedIn(page, ada)
    assert.equal((await asBearer((await tokens(context)).access)).status, 200)

    await context.clearCookies({ name: 'auth.token' }) // as the browser does when it expires
    await page.goto('/protected')
    await page.getByRole('heading', { name: 'Protected' }).waitFor()
    assert.equal((await asBearer((await tokens(context)).access)).status, 200)
  }))

test('an access token that has expired in an open tab is renewed', () =>
  visitAs(ada, { allow: [/status of 401/] }, async (page, context) => {
    const { access } = await tokens(context)
    const expired = await expiredToken(access)
    const statuses = []
    page.on('response', response => new URL(response.url()).pathname === '/api/me' && statuses.push(response.status()))
    await page.route('**/api/me', route => route.continue({
      headers: { ...route.request().headers(), authorization: `Bearer ${expired}` },
    }), { times: 1 })

    await page.getByRole('link', { name: 'Protected' }).click()
    await page.getByTestId('me').waitFor()
    assert.equal(JSON.parse(await page.getByTestId('me').innerText()).user.role, ada.role)
    assert.deepEqual(statuses, [401, 200])
    assert.notEqual((await tokens(context)).access, access)
  }))

for (const [where, act] of Object.entries({
  'by a refresh': page => page.getByRole('button', { name: 'Refresh session' }).click(),
  'by a call of the application': page => page.getByRole('link', { name: 'Protected' }).click(),
  'when the window is shown': page => page.evaluate(() => document.dispatchEvent(new Event('visibilitychange'))),
})) {
  test(`a session that was revoked is signed out ${where}`, () =>
    visitAs(alan, { allow: [/status of 401/] }, async (page, context) => {
      await revokeSessions(alan)
      await act(page)
      await expectSignedOut(page)
      assert.deepEqual(await tokens(context), { access: undefined, refresh: undefined })
      await page.reload()
      await expectSignedOut(page)
    }))
}

/** Ends the sessions of a user, as the page of sessions does in another browser. */
async function revokeSessions(account) {
  const request = new CookieJar().fetcher(backend.url)
  await signInWithPassword(request, account)
  const response = await request('/sessions/end-all', { method: 'POST' })
  assert.equal(response.status, 303, await response.text())
}

test('sign-out ends the session in all tabs', () =>
  visitAs(ada, { allow: [/status of 401/] }, async (page, context) => {
    const before = await tokens(context)
    const other = await context.newPage()
    await other.goto('/')
    await hydrated(other)
    await page.getByRole('button', { name: 'Sign out' }).click()

    await expectSignedOut(page)
    assert.deepEqual(await tokens(context), { access: undefined, refresh: undefined })
    assert.equal((await asBearer(before.access)).status, 401)
    await other.getByRole('button', { name: 'Refresh session' }).click()
    await expectSignedOut(other)
    await page.goto('/protected')
    await expectSignedOut(page)
  }))

test('a fault of the back end keeps the refresh token', () =>
  visitAs(grace, { allow: [/status of 50\d/] }, async (page, context) => {
    const { refresh } = await tokens(context)
    assert.ok(refresh)

    await gateway.close()
    await page.getByRole('button', { name: 'Refresh session' }).click()
    await page.getByRole('alert').waitFor()
    assert.match(await page.getByRole('alert').innerText(), /The server does not respond/)
    await expectSignedIn(page, grace)
    assert.equal((await tokens(context)).refresh, refresh)

    await page.reload() // the page of a server that can't ask for the session
    await expectSignedOut(page)
    await hydrated(page)
    assert.equal((await tokens(context)).refresh, refresh)

    await gateway.open()
    const renewed = page.waitForResponse(`**${api}/session`)
    await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')))
    await renewed
    await expectSignedIn(page, grace)
    await page.reload()
    await expectSignedIn(page, grace)
    assert.equal((await tokens(context)).refresh, refresh)
  }))

test('logs of both servers contain no password and no token', async () => {
  const mistyped = 'lovelace-with-a-typo'
  let seen
  await visit({ allow: [/status of 401/] }, async (page, context) => {
    await page.goto('/')
    await signIn(page, { ...ada, password: mistyped })
    await page.getByRole('alert').waitFor()
    await signIn(page, ada)
    await expectSignedIn(page, ada)
    seen = await tokens(context)
    await revokeSessions(ada)
    await page.reload()
    await expectSignedOut(page)
  })
  for (const output of [backend.output(), app.output()]) {
    for (const text of [mistyped, seen.access, seen.refresh]) assert.ok(!output.includes(text), 'a secret was logged')
  }
})
