// The pages of the Go example, and the built-in sign-in pages of the library.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { ada, alan, grace } from '../lib/accounts.mjs'
import { launch, photograph, sessionCookie, signInAtProvider, withContext } from '../lib/browser.mjs'
import { freePort, startExample } from '../lib/servers.mjs'

let example, browser

before(async () => {
  example = await startExample({ port: await freePort() })
  browser = await launch()
})

after(async () => {
  await browser?.close()
  await example?.stop()
})

const visit = (options, steps) => withContext(browser, { baseURL: example.url, ...options }, async (context) => {
  await steps(await context.newPage(), context)
})

const passwordForm = page => page.locator('form[action$="/callback/credentials"]')
const providerForm = page => page.locator('form[action$="/signin/demo"]')
const session = async page => JSON.parse(await page.locator('#session').innerText())

async function openSignIn(page) {
  await page.goto('/')
  await page.getByRole('main').getByRole('link', { name: 'Sign in' }).click()
  await page.waitForURL('**/api/auth/signin**')
}

async function fillPassword(page, { username, password }) {
  const form = passwordForm(page)
  await form.locator('input[name=username]').fill(username)
  await form.locator('input[name=password]').fill(password)
  await form.getByRole('button').click()
}

async function signIn(page, account) {
  await openSignIn(page)
  await fillPassword(page, account)
  await page.waitForURL(`${example.url}/`)
}

for (const javaScriptEnabled of [true, false]) {
  describe(javaScriptEnabled ? 'with JavaScript' : 'without JavaScript', () => {
    test('sign-in with a password shows the session and the token', () =>
      visit({ javaScriptEnabled }, async (page) => {
        await signIn(page, ada)
        const { user, expires } = await session(page)
        assert.equal(user.role, ada.role)
        assert.match(user.name, /Ada/)
        assert.ok(user.avatar)
        assert.ok(Date.parse(expires) > Date.now())
        assert.ok(JSON.parse(await page.locator('#token').innerText()).sessionToken)
      }))

    test('sign-in with the OpenID provider shows the session', () =>
      visit({ javaScriptEnabled }, async (page) => {
        await openSignIn(page)
        await providerForm(page).getByRole('button').click()
        await signInAtProvider(page, grace)
        await page.waitForURL(`${example.url}/`)
        assert.equal((await session(page)).user.role, grace.role)
      }))

    test('sign-in with a wrong password shows a message and the form', () =>
      visit({ javaScriptEnabled }, async (page, context) => {
        await openSignIn(page)
        await fillPassword(page, { ...ada, password: 'byron' })
        await page.getByRole('alert').waitFor()
        assert.equal(new URL(page.url()).pathname, '/api/auth/signin')
        assert.equal(await sessionCookie(context), undefined)

        await fillPassword(page, ada)
        await page.waitForURL(`${example.url}/`)
        assert.equal((await session(page)).user.role, ada.role)
      }))

    test('update of the name is in the session at once and after a reload', () =>
      visit({ javaScriptEnabled }, async (page) => {
        await signIn(page, alan)
        const name = `Alan <b>"Prof"</b> & Söhne ${javaScriptEnabled}`
        await page.locator('input[name=name]').fill(name)
        await page.getByRole('button', { name: 'Save' }).click()
        await page.getByRole('heading', { name }).waitFor()
        assert.equal((await session(page)).user.name, name)

        await page.goto('/')
        assert.equal((await session(page)).user.name, name)
        assert.equal(JSON.parse(await page.locator('#token').innerText()).name, name)
      }))

    test('session that the user API has ended is signed out', () =>
      visit({ javaScriptEnabled }, async (page, context) => {
        await signIn(page, grace)
        await page.getByRole('button', { name: 'Expire' }).click()
        await page.getByText('so you are signed out').waitFor()
        assert.equal(await page.locator('#session').count(), 0)
        assert.equal(await sessionCookie(context), undefined)
      }))

    test('sign-out ends the session', () =>
      visit({ javaScriptEnabled }, async (page, context) => {
        await signIn(page, ada)
        await page.getByRole('button', { name: 'Sign out' }).click()
        await page.getByText('You are signed out').waitFor()
        assert.equal(await sessionCookie(context), undefined)
        assert.equal((await context.request.get('/api/me')).status(), 401)
      }))

    test('sign-out with the built-in page ends the session', () =>
      visit({ javaScriptEnabled }, async (page, context) => {
        await signIn(page, ada)
        await page.goto('/api/auth/signout')
        await page.getByRole('button', { name: 'Sign out' }).click()
        await page.waitForURL(`${example.url}/`)
        assert.equal(await sessionCookie(context), undefined)
      }))
  })
}

test('admin page requires the role admin', async () => {
  await visit({}, async (page) => {
    await page.goto('/admin')
    assert.equal(new URL(page.url()).pathname, '/api/auth/signin')
    await fillPassword(page, ada)
    await page.waitForURL(`${example.url}/admin`)
    await page.getByRole('heading', { name: 'Users' }).waitFor()
    await photograph(page, 'example-admin')
  })
  await visit({ allow: [/status of 403/] }, async (page) => {
    await signIn(page, alan)
    const response = await page.goto('/admin')
    assert.equal(response.status(), 403)
  })
})

test('sign-in that the user denies at the provider shows an error', () =>
  visit({ allow: [/status of 403/] }, async (page, context) => {
    await openSignIn(page)
    await providerForm(page).getByRole('button').click()
    await page.waitForURL('**/demo-provider/**')
    await page.getByRole('button', { name: 'Deny' }).click()
    await page.waitForURL(`${example.url}/api/auth/**`)
    assert.match(new URL(page.url()).search, /[?&]error=/)
    assert.equal(await sessionCookie(context), undefined)
    await photograph(page, 'example-denied')
  }))

test('sign-in with the provider in two tabs at the same time', () =>
  visit({}, async (first, context) => {
    const second = await context.newPage()
    for (const page of [first, second]) {
      await openSignIn(page)
      await providerForm(page).getByRole('button').click()
      await page.waitForURL('**/demo-provider/**')
    }
    for (const page of [first, second]) {
      await signInAtProvider(page, grace)
      await page.waitForURL(`${example.url}/`)
      assert.equal((await session(page)).user.role, grace.role)
    }
  }))

test('pages work with the keyboard alone', () =>
  visit({}, async (page) => {
    const { keyboard } = page
    await page.goto('/')
    await tabTo(page, page.getByRole('main').getByRole('link', { name: 'Sign in' }))
    await keyboard.press('Enter')
    await page.waitForURL('**/api/auth/signin**')

    await tabTo(page, page.locator('input[name=username]'))
    await keyboard.type(ada.username)
    await keyboard.press('Tab')
    await keyboard.type(ada.password)
    await keyboard.press('Enter')
    await page.waitForURL(`${example.url}/`)

    await tabTo(page, page.locator('input[name=name]'))
    await keyboard.press('Control+A')
    await keyboard.type('Ada King')
    await keyboard.press('Enter')
    await page.getByRole('heading', { name: 'Ada King' }).waitFor()

    await tabTo(page, page.getByRole('link', { name: '/admin' }))
    await keyboard.press('Enter')
    await page.waitForURL('**/admin')
    await page.goBack()

    await tabTo(page, page.getByRole('button', { name: 'Sign out' }))
    await keyboard.press('Enter')
    await page.getByText('You are signed out').waitFor()

    await openSignIn(page)
    await tabTo(page, providerForm(page).getByRole('button'))
    await keyboard.press('Enter')
    await page.waitForURL('**/demo-provider/**')
    await tabTo(page, page.locator('input[name=username]'))
    await keyboard.type(grace.username)
    await tabTo(page, page.locator('input[name=password]'))
    await keyboard.type(grace.password)
    await keyboard.press('Enter')
    await page.waitForURL(`${example.url}/`)
    assert.equal((await session(page)).user.role, grace.role)
  }))

test('pages load without errors in the light and the dark look', () =>
  visit({ allow: [/status of 40[34]/, /status of 500/] }, async (page) => {
    await page.goto('/')
    await photograph(page, 'example-signed-out')
    await openSignIn(page)
    await photograph(page, 'example-signin')
    await providerForm(page).getByRole('button').click()
    await page.waitForURL('**/demo-provider/**')
    await photograph(page, 'example-provider')
    await signInAtProvider(page, ada)
    await page.waitForURL(`${example.url}/`)
    await photograph(page, 'example-signed-in')
    for (const [path, name] of [
      ['/api/auth/signout', 'signout'],
      ['/api/auth/error?error=AccessDenied', 'error'],
      ['/api/auth/error?error=Configuration', 'error-configuration'],
      ['/api/auth/signin?error=CredentialsSignin', 'signin-error'],
      ['/api/auth/verify-request', 'verify-request'],
      ['/nowhere', 'not-found'],
    ]) {
      await page.goto(path)
      await photograph(page, `example-${name}`)
    }
  }))

/** Presses Tab until the element has the focus, and checks that the focus is visible. */
async function tabTo(page, target) {
  await target.waitFor()
  const focused = () => target.evaluate(element => element === document.activeElement)
  for (let presses = 0; !(await focused()); presses++) {
    assert.ok(presses < 40, `Tab does not reach ${target}`)
    await page.keyboard.press('Tab')
  }
  const outline = await target.evaluate(element => getComputedStyle(element).outlineStyle)
  assert.notEqual(outline, 'none', `the focus on ${target} is not visible`)
}
