// The page that lists and ends the sessions of a user, with and without a store.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { ada, grace } from '../lib/accounts.mjs'
import { launch, photograph, sessionCookie, signInAtProvider, withContext } from '../lib/browser.mjs'
import { freePort, startExample } from '../lib/servers.mjs'

const phone = {
  viewport: { width: 360, height: 740 },
  userAgent: 'Mozilla/5.0 (iPhone; CPU iPhone OS 19_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.1 Mobile/15E148 Safari/604.1',
}

let stored, cookies, browser

before(async () => {
  stored = await startExample({ port: await freePort(), env: { SESSIONS: 'memory' } })
  cookies = await startExample({ port: await freePort() })
  browser = await launch()
})

after(async () => {
  await browser?.close()
  await cookies?.stop()
  await stored?.stop()
})

const visit = (example, options, steps) => withContext(browser, { baseURL: example.url, ...options }, async (context) => {
  await steps(await context.newPage(), context)
})

async function signInWithPassword(page, { username, password }) {
  await page.goto('/api/auth/signin?callbackUrl=%2F')
  const form = page.locator('form[action$="/callback/credentials"]')
  await form.locator('input[name=username]').fill(username)
  await form.locator('input[name=password]').fill(password)
  await form.getByRole('button').click()
  await page.getByRole('link', { name: '/sessions' }).waitFor()
}

async function signInWithDemoID(page, account) {
  await page.goto('/api/auth/signin?callbackUrl=%2F')
  await page.locator('form[action$="/signin/demo"]').getByRole('button').click()
  await signInAtProvider(page, account)
  await page.getByRole('link', { name: '/sessions' }).waitFor()
}

async function openSessions(page) {
  await page.goto('/')
  await page.getByRole('link', { name: '/sessions' }).click()
  await page.getByRole('heading', { name: 'Your sessions' }).waitFor()
}

const devices = page => page.locator('.devices li')

async function expectSignedOut(page, context) {
  await page.goto('/sessions')
  assert.equal(new URL(page.url()).pathname, '/api/auth/signin')
  assert.equal(await sessionCookie(context), undefined)
}

async function signOutEverywhere(page) {
  await page.locator('summary', { hasText: 'Sign out everywhere' }).click()
  await page.getByRole('button', { name: 'Sign out on all devices' }).click()
}

async function expectNoHorizontalScroll(page) {
  const { scrollWidth, clientWidth } = await page.evaluate(() => {
    const { scrollWidth, clientWidth } = document.documentElement
    return { scrollWidth, clientWidth }
  })
  assert.ok(scrollWidth <= clientWidth, `the page is ${scrollWidth} px wide in a window of ${clientWidth} px`)
}

for (const javaScriptEnabled of [true, false]) {
  const mode = javaScriptEnabled ? 'with JavaScript' : 'without JavaScript'

  test(`page lists two sessions and ends one of them, ${mode}`, () =>
    visit(stored, { javaScriptEnabled }, desk => visit(stored, { ...phone, javaScriptEnabled }, async (mobile, mobileContext) => {
      await signInWithPassword(mobile, ada)
      await signInWithDemoID(desk, ada)

      await openSessions(desk)
      assert.equal(await devices(desk).count(), 2)
      const here = devices(desk).filter({ hasText: 'This device' })
      assert.match(await here.innerText(), /Chrome on Linux[^]*with Demo ID from/)
      assert.equal(await here.getByRole('button').count(), 0)
      const other = devices(desk).filter({ hasText: 'Safari on iPhone' })
      assert.match(await other.innerText(), /with password from/)

      await openSessions(mobile)
      assert.match(await devices(mobile).filter({ hasText: 'This device' }).innerText(), /Safari on iPhone/)
      await expectNoHorizontalScroll(mobile)
      if (javaScriptEnabled) {
        await photograph(desk, 'example-sessions')
        await photograph(mobile, 'example-sessions-phone')
      }

      await other.getByRole('button', { name: 'Sign out Safari on iPhone' }).click()
      await desk.getByText('That session has ended.').waitFor()
      assert.equal(await devices(desk).count(), 1)
      if (javaScriptEnabled) await photograph(desk, 'example-sessions-ended')
      await expectSignedOut(mobile, mobileContext)

      await desk.goto('/')
      assert.equal(JSON.parse(await desk.locator('#session').innerText()).user.role, ada.role)
      await desk.getByRole('button', { name: 'Sign out' }).click()
      await desk.getByText('You are signed out').waitFor()
    })))
}

test('page ends the other sessions, and then all sessions', () =>
  visit(stored, {}, (first, firstContext) => visit(stored, phone, (second, secondContext) => visit(stored, {}, async (other) => {
    await signInWithPassword(first, ada)
    await signInWithPassword(second, ada)
    await signInWithPassword(other, grace)

    await openSessions(first)
    await first.getByRole('button', { name: 'Sign out my other devices' }).click()
    await first.getByText('Your other devices are signed out.').waitFor()
    await expectSignedOut(second, secondContext)

    await signInWithPassword(second, ada)
    await openSessions(second)
    await signOutEverywhere(second)
    await second.getByText('You are signed out on all devices.').waitFor()
    assert.equal(await sessionCookie(secondContext), undefined)
    await expectSignedOut(first, firstContext)

    await openSessions(other)
    assert.equal(await devices(other).count(), 1)
  }))))

test('page without a store explains how to get a list, and ends all sessions', () =>
  visit(cookies, {}, (first, firstContext) => visit(cookies, phone, async (second) => {
    await signInWithPassword(first, ada)
    await signInWithDemoID(second, ada)
    await openSessions(first)
    await photograph(first, 'example-sessions-cookies')
    await openSessions(second)
    await second.getByText('REDIS_URL=').waitFor()
    await expectNoHorizontalScroll(second)
    await photograph(second, 'example-sessions-cookies-phone')

    await signOutEverywhere(second)
    await second.getByText('You are signed out on all devices.').waitFor()
    await expectSignedOut(first, firstContext)
  })))
