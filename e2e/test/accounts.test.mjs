// Users of the example's own: sign-up, sign-in by a mail's link, reset, connected accounts.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { ada, grace } from '../lib/accounts.mjs'
import { launch, photograph, sessionCookie, signInAtProvider, withContext } from '../lib/browser.mjs'
import { freePort, startExample } from '../lib/servers.mjs'

const password = 'correct horse battery staple'

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

const home = url => url.pathname === '/'

/** Returns the link of the newest mail to an address; mails are sent after the response. */
async function mailedLink(page, address) {
  const withLink = page.locator('a[href^="http"]') // notices have none
  const mail = page.locator('.mails li', { hasText: address, has: withLink }).first()
  await page.goto('/outbox')
  while (!(await mail.count())) await page.reload()
  return mail.locator('a[href^="http"]').getAttribute('href')
}

async function ask(page, path, address) {
  await page.goto(path)
  await page.fill('main input[name=email]', address)
  await page.locator('main form').getByRole('button').click()
  await page.waitForURL('**/sent')
}

async function signIn(page, username, secret) {
  await page.goto('/api/auth/signin?callbackUrl=%2F')
  await page.fill('input[name=username]', username)
  await page.fill('input[name=password]', secret)
  await page.locator('form[action$="/callback/credentials"] button').click()
  await page.waitForURL(home)
}

async function askForSignIn(page, address) {
  await page.goto('/api/auth/signin?callbackUrl=%2F')
  const form = page.locator('form[action$="/signin/email"]')
  await form.locator('input[name=email]').fill(address)
  await form.getByRole('button').click()
  await page.waitForURL('**/sent')
}

for (const javaScriptEnabled of [true, false]) {
  describe(javaScriptEnabled ? 'with JavaScript' : 'without JavaScript', () => {
    const address = `zoe.${javaScriptEnabled}@example.com`

    test('sign-up, the first sign-in and a new password', () =>
      visit({ javaScriptEnabled, allow: [/status of 422/] }, async (page, context) => {
        await ask(page, '/signup', address)
        await page.goto(await mailedLink(page, address))
        await page.fill('input[name=name]', 'Zoë')
        await page.fill('input[name=password]', 'short')
        await page.getByRole('button', { name: 'Create account' }).click()
        await page.getByText('at least 15 characters').waitFor()
        assert.equal(await page.inputValue('input[name=name]'), 'Zoë')
        await page.fill('input[name=password]', password)
        await page.getByRole('button', { name: 'Create account' }).click()
        await page.getByText('Your account is ready').waitFor()
        assert.equal(await sessionCookie(context), undefined)

        await signIn(page, address, password)
        await page.getByText('Welcome!').waitFor()
        await page.getByRole('heading', { name: 'Zoë' }).waitFor()

        await ask(page, '/forgot', address)
        await page.goto(await mailedLink(page, address))
        await page.fill('input[name=password]', `${password} again`)
        await page.getByRole('button', { name: 'Save' }).click()
        await page.getByText('Your new password is stored').waitFor()
        assert.equal(await sessionCookie(context), undefined, 'the session of before goes on')
        await signIn(page, address, `${password} again`)
        await page.getByRole('heading', { name: 'Zoë' }).waitFor()
      }))
  })
}

test('a link by mail signs in, in the same browser', () =>
  visit({}, async (page) => {
    await askForSignIn(page, 'grace@example.com')
    const link = await mailedLink(page, 'grace@example.com')
    for (let opened = 0; opened < 3; opened++) await fetch(link) // as a mail scanner does
    await page.goto(link)
    await photograph(page, 'example-mail-link')
    await page.locator('form[action$="/callback/email"] button').click()
    await page.waitForURL(home)
    await page.getByRole('heading', { name: 'Grace Hopper' }).waitFor()
  }))

// A browser, or a program at the mail server, may load a link before the user opens it.
test('a link that was prefetched still signs in', () =>
  visit({}, async (page, context) => {
    await askForSignIn(page, 'grace@example.com')
    const link = await mailedLink(page, 'grace@example.com')
    for (const method of ['HEAD', 'GET']) {
      const response = await fetch(link, { method, headers: { purpose: 'prefetch' } })
      assert.equal(response.status, 200, method)
    }
    await page.route('**/webmail', route => route.fulfill({
      contentType: 'text/html',
      body: `<!doctype html><title>Mail</title><link rel="icon" href="data:,"><link rel="prefetch" href="${link}"><a href="${link}">Sign in</a>`,
    }))
    const prefetched = page.waitForResponse(response => response.url() === link)
    await page.goto('/webmail')
    const { 'sec-purpose': purpose } = await (await prefetched).request().allHeaders()
    assert.equal(purpose, 'prefetch')
    assert.equal((await prefetched).status(), 200)
    const preview = await context.newPage() // of the link, closed without a click
    await preview.goto(link)
    await preview.close()
    assert.equal(await sessionCookie(context), undefined)

    await page.getByRole('link', { name: 'Sign in' }).click()
    await page.locator('form[action$="/callback/email"] button').click()
    await page.waitForURL(home)
    await page.getByRole('heading', { name: 'Grace Hopper' }).waitFor()
  }))

test('a link by mail signs in, in another browser', () =>
  visit({}, async (page, context) => {
    await askForSignIn(page, 'alan@example.com')
    const link = await mailedLink(page, 'alan@example.com')
    await photograph(page, 'example-outbox')
    await visit({}, async (other) => {
      await other.goto(link)
      await other.locator('form[action$="/callback/email"] button').click()
      await other.waitForURL(home)
      await other.getByRole('heading', { name: 'Alan Turing' }).waitFor()
    })
    assert.equal(await sessionCookie(context), undefined)
  }))

test('the HTML of a mail leads to the page of its link', () =>
  visit({}, async (page) => {
    await ask(page, '/signup', 'html@example.com')
    await mailedLink(page, 'html@example.com')
    await page.locator('.mails li', { hasText: 'html@example.com' }).getByRole('link', { name: 'Show the HTML' }).click()
    await page.getByRole('link', { name: 'Continue' }).first().click()
    await page.getByRole('heading', { name: 'Create your account' }).waitFor()
  }))

test('an account is disconnected, connected again, and deleted with the user', () =>
  visit({}, async (page, context) => {
    await signIn(page, ada.username, ada.password)
    await page.getByRole('link', { name: '/account' }).click()
    await page.getByRole('button', { name: 'Disconnect Demo ID' }).click()
    await page.getByText('The account is disconnected').waitFor()
    await page.getByRole('button', { name: 'Connect Demo ID' }).click()
    await signInAtProvider(page, ada)
    await page.getByText('The account is connected').waitFor()
    await photograph(page, 'example-account')

    await page.getByRole('link', { name: 'Delete' }).click()
    await photograph(page, 'example-delete')
    await page.getByRole('button', { name: 'Delete' }).click()
    await page.getByText('Your account is deleted').waitFor()
    assert.equal(await sessionCookie(context), undefined)
  }))

test('the account of another user is not connected', () =>
  visit({}, async (page) => {
    await ask(page, '/signup', 'mallory@example.com')
    await page.goto(await mailedLink(page, 'mallory@example.com'))
    await page.fill('input[name=name]', 'Mallory')
    await page.fill('input[name=password]', password)
    await page.getByRole('button', { name: 'Create account' }).click()
    await signIn(page, 'mallory@example.com', password)
    await page.goto('/account')
    await page.getByRole('button', { name: 'Connect Demo ID' }).click()
    await signInAtProvider(page, grace)
    await page.waitForURL('**/api/auth/signin?**error=OAuthAccountNotLinked**')
    await page.goto('/account')
    await page.getByText('Not connected').waitFor()
  }))
