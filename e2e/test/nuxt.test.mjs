// The Nuxt front end, driven as a user drives it, on the Go back end.
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
  app = await startNuxt({ port, backend: backend.url })
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

test('a wrong password is refused with a message and leaves the visitor signed out', () =>
  visit({ allow: [/status of 401/] }, async (page, context) => {
    await page.goto('/')
    await signIn(page, { ...ada, password: 'byron' })

    await page.getByRole('alert').waitFor()
    assert.equal(await page.getByRole('alert').innerText(), 'Wrong user name or password.')
    assert.equal(await sessionCookie(context), undefined)

    await signIn(page, ada)
    await expectSignedIn(page, ada)
  }))

test('the right password shows name, avatar and role', () =>
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

test('signing in with the OpenID provider comes back to the page signed in', () =>
  visit({}, async (page) => {
    await page.goto('/')
    await page.getByRole('button', { name: 'Continue with Demo ID' }).click()
    await signInAtProvider(page, grace)

    await page.waitForURL(`${app.url}/`)
    await expectSignedIn(page, grace)
    assert.match(await page.getByTestId('name').innerText(), /Grace/)
  }))

test('two tabs can sign in with the provider at the same time', () =>
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

test('the server renders the session, so the page needs no script to greet the user', () =>
  visit({}, async (page, context) => {
    await page.goto('/')
    await signIn(page, ada)
    await expectSignedIn(page, ada)
    const name = await page.getByTestId('name').innerText()

    const html = await (await context.request.get('/')).text()
    assert.ok(html.includes(name), 'the HTML of the server lacks the name')

    const storageState = await context.storageState()
    await visit({ javaScriptEnabled: false, storageState }, async (scriptless) => {
      await scriptless.goto('/')
      assert.equal(await scriptless.getByTestId('name').innerText(), name)
    })
  }))

test('scripts can not read the session cookie and no token is in the page', () =>
  visit({}, async (page, context) => {
    await page.goto('/')
    await signIn(page, ada)
    await expectSignedIn(page, ada)

    const cookie = await sessionCookie(context)
    assert.equal(cookie.httpOnly, true)
    assert.equal(cookie.sameSite, 'Lax')
    assert.ok(!(await page.evaluate(() => document.cookie)).includes('session-token'))

    const { sessionToken } = await nextAuth.decode({ token: cookie.value, secret })
    assert.ok(sessionToken, 'the token has no secret of its own, so this test proves nothing')
    await page.reload()
    const session = await (await context.request.get('/api/auth/session')).text()
    const rendered = await (await context.request.get('/')).text()
    for (const text of [session, rendered, await page.content()]) {
      assert.ok(!text.includes(cookie.value), 'the sealed token is in the page')
      assert.ok(!text.includes(sessionToken), 'the access token is in the page')
    }
  }))

test('a protected page sends the visitor to sign in and back', () =>
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

test('a protected page opened by a link sends the visitor to the provider and back', () =>
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

test('refresh asks the back end again and keeps the user signed in', () =>
  visit({}, async (page) => {
    await page.goto('/')
    await signIn(page, ada)
    await expectSignedIn(page, ada)

    const asked = page.waitForResponse('**/api/auth/session')
    await page.getByRole('button', { name: 'Refresh session' }).click()
    assert.equal((await asked).status(), 200)
    await page.getByText('refreshed at').waitFor()
    await expectSignedIn(page, ada)
  }))

test('a session that the back end ended is over at the next refresh', () =>
  visit({}, async (page, context) => {
    await page.goto('/')
    await signIn(page, grace)
    await expectSignedIn(page, grace)

    const ended = await context.request.post(`${backend.url}/api/expire`)
    assert.ok(ended.ok(), `POST /api/expire answers ${ended.status()}`)
    await page.getByRole('button', { name: 'Refresh session' }).click()

    await expectSignedOut(page)
    assert.equal(await sessionCookie(context), undefined)
    await page.reload()
    await expectSignedOut(page)
  }))

test('signing out ends the session for every page', () =>
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

test('the logs of both servers hold no password and no token', async () => {
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
