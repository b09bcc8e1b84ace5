// The Nuxt front end with the Go back end, in Chromium.
import assert from 'node:assert/strict'
import nextAuth from 'next-auth/jwt'
import { after, before, test } from 'node:test'
import { ada, alan, grace } from '../lib/accounts.mjs'
import { launch, photograph, sessionCookie, signInAtProvider, withContext } from '../lib/browser.mjs'
import { freePort, secret, startExample, startNuxt } from '../lib/servers.mjs'

let backend, app, browser

before(async () => {
  const port = await freePort()
  backend = await startExample({ port: await freePort(), origin: `http://localhost:${port}` })
  app = await startNuxt({ port, backend: backend.url, env: { AUTH_ORIGIN: `http://localhost:${port}/api/auth` } })
  browser = await launch()
})

after(async () => {
  await browser?.close()
  await app?.stop()
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

test('sign-in with a wrong password shows a message', () =>
  visit({ allow: [/status of 401/] }, async (page, context) => {
    await page.goto('/')
    await signIn(page, { ...ada, password: 'byron' })

    await page.getByRole('alert').waitFor()
    assert.equal(await page.getByRole('alert').innerText(), 'Wrong user name or password.')
    assert.equal(await sessionCookie(context), undefined)

    await signIn(page, ada)
    await expectSignedIn(page, ada)
  }))

test('sign-in with a password shows name, avatar and role', () =>
  visit({}, async (page) => {
    await page.goto('/')
    await photograph(page, 'nuxt-signed-out')
    await signIn(page, ada)

    await expectSignedIn(page, ada)
    assert.match(await page.getByTestId('name').innerText(), /Ada/)
    const drawn = await page.locator('.profile img').evaluate(async (image) => {
      await image.decode()
      return image.naturalWidth
    })
    assert.ok(drawn > 0, 'the avatar is not a picture')
    await photograph(page, 'nuxt-signed-in')
  }))

test('sign-in with the OpenID provider returns to the page', () =>
  visit({}, async (page) => {
    await page.goto('/')
    await page.getByRole('button', { name: 'Continue with Demo ID' }).click()
    await signInAtProvider(page, grace)

    await page.waitForURL(`${app.url}/`)
    await expectSignedIn(page, grace)
    assert.match(await page.getByTestId('name').innerText(), /Grace/)
  }))

test('sign-in with the provider in two tabs at the same time', () =>
  visit({}, async (first, context) => {
    const second = await context.newPage()
    for (const page of [first, second]) {
      await page.goto('/')
      await page.getByRole('button', { name: 'Continue with Demo ID' }).click()
      await page.waitForURL('**/demo-provider/**')
    }

    for (const page of [first, second]) {
      await signInAtProvider(page, alan)
      await page.waitForURL(`${app.url}/`)
      await expectSignedIn(page, alan)
    }
  }))

test('session is rendered on the server, without scripts in the browser', () =>
  visit({}, async (page, context) => {
    await page.goto('/')
    await signIn(page, ada)
    await expectSignedIn(page, ada)
    const name = await page.getByTestId('name').innerText()

    const html = await (await context.request.get('/')).text()
    assert.ok(html.includes(name), 'the HTML of the server does not contain the name')

    const storageState = await context.storageState()
    await visit({ javaScriptEnabled: false, storageState }, async (scriptless) => {
      await scriptless.goto('/')
      assert.equal(await scriptless.getByTestId('name').innerText(), name)
    })
  }))

test('sign-in without scripts goes through the page of the back end', () =>
  visit({ javaScriptEnabled: false }, async (page) => {
    await page.goto('/')
    assert.equal(await page.getByRole('button', { name: 'Sign in' }).isEnabled(), false)
    await page.getByRole('link', { name: 'Sign in without scripts' }).click()
    await page.fill('input[name=username]', ada.username)
    await page.fill('input[name=password]', ada.password)
    await page.locator('form[action$="/callback/credentials"] button').click()
    await page.getByTestId('role').waitFor()
    assert.equal(await page.getByTestId('role').innerText(), ada.role)
  }))

test('session cookie is not readable by scripts, and no token is in the page', () =>
  visit({}, async (page, context) => {
    await page.goto('/')
    await signIn(page, ada)
    await expectSignedIn(page, ada)

    const cookie = await sessionCookie(context)
    assert.equal(cookie.httpOnly, true)
    assert.equal(cookie.sameSite, 'Lax')
    assert.ok(!(await page.evaluate(() => document.cookie)).includes('session-token'))

    const { sessionToken } = await nextAuth.decode({ token: cookie.value, secret })
    assert.ok(sessionToken, 'the token has no session token')
    await page.reload()
    const session = await (await context.request.get('/api/auth/session')).text()
    const rendered = await (await context.request.get('/')).text()
    for (const text of [session, rendered, await page.content()]) {
      assert.ok(!text.includes(cookie.value), 'the sealed token is in the page')
      assert.ok(!text.includes(sessionToken), 'the access token is in the page')
    }
  }))

test('protected page redirects to the sign-in page and back', () =>
  visit({}, async (page) => {
    await page.goto('/protected')
    assert.equal(new URL(page.url()).pathname, '/api/auth/signin')
    await photograph(page, 'signin')

    await page.locator('input[name=username]').fill(ada.username)
    await page.locator('input[name=password]').fill(ada.password)
    await page.locator('input[name=password]').press('Enter')

    await page.waitForURL(`${app.url}/protected`)
    await page.getByRole('heading', { name: 'Protected' }).waitFor()
    assert.equal(JSON.parse(await page.getByTestId('me').innerText()).user.role, ada.role)

    await page.reload()
    await page.getByRole('heading', { name: 'Protected' }).waitFor()
    await photograph(page, 'nuxt-protected')
  }))

test('protected page opened by a link redirects to the provider and back', () =>
  visit({}, async (page) => {
    await page.goto('/')
    await page.getByRole('button', { name: 'Sign in' }).and(page.locator(':enabled')).waitFor()
    await page.getByRole('link', { name: 'Protected' }).click()
    await page.waitForURL('**/api/auth/signin**')
    await page.locator('form[action$="/signin/demo"] button').click()
    await signInAtProvider(page, grace)

    await page.waitForURL(`${app.url}/protected`)
    await page.getByRole('heading', { name: 'Protected' }).waitFor()
  }))

test('refresh fetches the session again', () =>
  visit({}, async (page) => {
    await page.goto('/')
    await signIn(page, ada)
    await expectSignedIn(page, ada)

    const response = page.waitForResponse('**/api/auth/session')
    await page.getByRole('button', { name: 'Refresh session' }).click()
    assert.equal((await response).status(), 200)
    await page.getByText('refreshed at').waitFor()
    await expectSignedIn(page, ada)
  }))

test('refresh after the end of the session signs out', () =>
  visit({}, async (page, context) => {
    await page.goto('/')
    await signIn(page, grace)
    await expectSignedIn(page, grace)

    const ended = await context.request.post(`${backend.url}/api/expire`)
    assert.ok(ended.ok(), `POST /api/expire: status ${ended.status()}`)
    await page.getByRole('button', { name: 'Refresh session' }).click()

    await expectSignedOut(page)
    assert.equal(await sessionCookie(context), undefined)
    await page.reload()
    await expectSignedOut(page)
  }))

test('sign-out ends the session for all pages', () =>
  visit({}, async (page, context) => {
    await page.goto('/')
    await signIn(page, ada)
    await expectSignedIn(page, ada)
    await page.getByRole('button', { name: 'Sign out' }).click()

    await expectSignedOut(page)
    assert.equal(await sessionCookie(context), undefined)
    await page.goto('/protected')
    assert.equal(new URL(page.url()).pathname, '/api/auth/signin')
  }))

test('logs of both servers contain no password and no token', async () => {
  const mistyped = 'lovelace-with-a-typo'
  let token
  await visit({ allow: [/status of 401/] }, async (page, context) => {
    await page.goto('/')
    await signIn(page, { ...ada, password: mistyped })
    await page.getByRole('alert').waitFor()
    await signIn(page, ada)
    await expectSignedIn(page, ada)
    token = (await sessionCookie(context)).value
  })
  for (const output of [backend.output(), app.output()]) {
    assert.ok(!output.includes(mistyped), 'a password was logged')
    assert.ok(!output.includes(token), 'a token was logged')
  }
})
