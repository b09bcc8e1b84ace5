// axe-core on every page, in both colour schemes, in a narrow and in a wide window.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { after, before, describe, test } from 'node:test'
import { ada, alan } from '../lib/accounts.mjs'
import { launch, withContext } from '../lib/browser.mjs'
import { freePort, startExample } from '../lib/servers.mjs'

const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

let example, cookies, browser

before(async () => {
  const many = Object.fromEntries(['GITHUB', 'GOOGLE'].flatMap(id => [[`AUTH_${id}_ID`, 'id'], [`AUTH_${id}_SECRET`, 'a secret']]))
  example = await startExample({ port: await freePort(), env: { SESSIONS: 'memory', RATE_LIMIT: '1000', ...many } })
  cookies = await startExample({ port: await freePort(), env: { RATE_LIMIT: '1000' } })
  browser = await launch()
})

after(async () => {
  await browser?.close()
  await example?.stop()
  await cookies?.stop()
})

async function fillPassword(page, { username, password }) {
  await page.fill('input[name=username]', username)
  await page.fill('input[name=password]', password)
  await page.locator('form[action$="/callback/credentials"] button').click()
}

async function signIn(page, account) {
  await page.goto('/api/auth/signin?callbackUrl=%2F')
  await fillPassword(page, account)
  await page.waitForURL(url => url.pathname === '/')
}

const open = path => page => page.goto(path)

async function openProvider(page) {
  await page.goto('/api/auth/signin?callbackUrl=%2F')
  await page.locator('form[action$="/signin/demo"] button').click()
  await page.waitForURL('**/demo-provider/**')
}

const signedOut = {
  'start page': open('/'),
  'notice': open('/?notice=signed-out'),
  'sign-in': open('/api/auth/signin'),
  'sign-in, wrong password': async (page) => {
    await page.goto('/api/auth/signin')
    await fillPassword(page, { ...ada, password: 'byron' })
    await page.getByRole('alert').waitFor()
    assert.equal(await page.inputValue('input[name=username]'), ada.username)
    assert.equal(await page.evaluate(() => document.activeElement.name), 'password')
  },
  'sign-in, failed at the provider': open('/api/auth/signin?error=OAuthCallback'),
  'sign-in, required': open('/api/auth/signin?error=SessionRequired'),
  'sign-out without a session': open('/api/auth/signout'),
  'access denied': open('/api/auth/error?error=AccessDenied'),
  'configuration': open('/api/auth/error?error=Configuration'),
  'verify request': open('/api/auth/verify-request'),
  'sign-up': open('/signup'),
  'sign-up, no address': async (page) => {
    await page.goto('/signup')
    await page.fill('main input[name=email]', 'zoe')
    await page.locator('main form button').click()
    await page.locator('#email-problem').waitFor()
  },
  'forgotten password': open('/forgot'),
  'link to sign up': open('/signup/confirm?email=zoe%40example.com&token=none'),
  'link to sign up, refused': async (page) => {
    await page.goto('/signup/confirm?email=zoe%40example.com&token=none')
    await page.fill('input[name=password]', 'short')
    await page.locator('main form button').click()
    await page.locator('#password-problem').waitFor()
  },
  'link that does not work': async (page) => {
    await page.goto('/reset?email=zoe%40example.com&token=none')
    await page.fill('input[name=password]', 'correct horse battery staple')
    await page.locator('main form button').click()
    await page.getByText('410').waitFor()
  },
  'sent': open('/sent'),
  'outbox': async (page) => {
    await page.goto('/forgot')
    await page.fill('main input[name=email]', ada.username + '@example.com')
    await page.locator('main form button').click()
    await page.goto('/outbox')
    while (!(await page.locator('.mails li').count())) await page.reload()
  },
  'unknown action': open('/api/auth/nope'),
  'unknown page': open('/nowhere'),
  'provider': openProvider,
  'provider, wrong password': async (page) => {
    await openProvider(page)
    await page.fill('input[name=username]', ada.username)
    await page.fill('input[name=password]', 'byron')
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByRole('alert').waitFor()
  },
}

const signedIn = {
  'start page, signed in': open('/'),
  'refused name': async (page) => {
    await page.goto('/')
    await page.fill('input[name=name]', 'x'.repeat(61))
    await page.getByRole('button', { name: 'Save' }).click()
    await page.getByRole('alert').waitFor()
    assert.equal(await page.inputValue('input[name=name]'), 'x'.repeat(61))
  },
  'sessions': async (page) => {
    await page.goto('/sessions')
    await page.locator('summary').click()
  },
  'account': open('/account'),
  'deletion': open('/account/delete'),
  'sign-in, signed in': open('/api/auth/signin'),
  'sign-in again': open('/api/auth/signin?prompt=login'),
  'sign-out': open('/api/auth/signout'),
}

/** Fails on every violation that axe finds, on a page wider than its window, and on a text outside of its button. */
async function check(page, name) {
  await page.evaluate(axe)
  const problems = await page.evaluate(async () => {
    const { violations } = await globalThis.axe.run(document, { resultTypes: ['violations'] })
    const found = violations.flatMap(({ id, nodes }) => nodes.map(node => `${id}: ${node.html}`))
    const { scrollWidth, clientWidth } = document.documentElement
    if (scrollWidth > clientWidth) found.push(`the page is ${scrollWidth} px wide in a window of ${clientWidth} px`)
    for (const button of document.querySelectorAll('button, .button')) {
      if (button.scrollWidth > button.clientWidth + 1) found.push(`a text is outside of its button: ${button.outerHTML}`)
    }
    return found
  })
  assert.deepEqual(problems, [], name)
}

for (const colorScheme of ['light', 'dark']) {
  for (const width of [320, 360, 1280]) {
    describe(`${colorScheme}, ${width} px`, () => {
      // axe is a script of the test: the pages allow none.
      const options = { colorScheme, viewport: { width, height: 800 }, bypassCSP: true, allow: [/status of [45]\d\d/] }
      const visit = (server, steps) => withContext(browser, { ...options, baseURL: server.url }, async (context) => {
        await steps(await context.newPage())
      })

      test('pages without a session', () => visit(example, async (page) => {
        for (const [name, go] of Object.entries(signedOut)) {
          await go(page)
          await check(page, name)
        }
      }))

      test('pages with a session', () => visit(example, async (page) => {
        await signIn(page, ada)
        for (const [name, go] of Object.entries({ ...signedIn, users: open('/admin') })) {
          await go(page)
          await check(page, name)
        }
      }))

      test('pages of a user, with sessions in cookies', () => visit(cookies, async (page) => {
        await signIn(page, alan)
        for (const [name, go] of Object.entries({ 'start page': open('/'), 'forbidden': open('/admin'), 'sessions': open('/sessions') })) {
          await go(page)
          await check(page, name)
        }
      }))
    })
  }
}
