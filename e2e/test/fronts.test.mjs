// The front ends without a server of their own, behind the proxy of Vite, in Chromium.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { ada, alan, grace } from '../lib/accounts.mjs'
import { launch, photograph, sessionCookie, signInAtProvider, withContext } from '../lib/browser.mjs'
import { freePort, startExample, startVite } from '../lib/servers.mjs'

let browser

before(async () => { browser = await launch() })
after(() => browser?.close())

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

for (const name of ['react', 'vue']) {
  describe(name, () => {
    let backend, app

    before(async () => {
      const port = await freePort()
      backend = await startExample({ port: await freePort(), origin: `http://localhost:${port}` })
      app = await startVite({ name, port, backend: backend.url })
    })

    after(async () => {
      await app?.stop()
      await backend?.stop()
    })

    const visit = (options, steps) => withContext(browser, { baseURL: app.url, ...options }, async (context) => {
      await steps(await context.newPage(), context)
    })

    test('sign-in with a wrong password shows a message', () =>
      visit({ allow: [/status of 401/] }, async (page, context) => {
        await page.goto('/')
        await signIn(page, { ...ada, password: 'byron' })

        await page.getByRole('alert').waitFor()
        assert.equal(await page.getByRole('alert').innerText(), 'Wrong user name or password.')
        await photograph(page, `${name}-wrong-password`)
        assert.equal(await sessionCookie(context), undefined)

        await signIn(page, ada)
        await expectSignedIn(page, ada)
      }))

    test('sign-in with a password shows name, avatar and role', () =>
      visit({}, async (page) => {
        await page.goto('/')
        await expectSignedOut(page)
        await photograph(page, `${name}-signed-out`)
        await signIn(page, ada)

        await expectSignedIn(page, ada)
        assert.match(await page.getByTestId('name').innerText(), /Ada/)
        const drawn = await page.locator('.profile img').evaluate(async (image) => {
          await image.decode()
          return image.naturalWidth
        })
        assert.ok(drawn > 0, 'the avatar is not a picture')
        await photograph(page, `${name}-signed-in`)

        await page.reload()
        await expectSignedIn(page, ada)
      }))

    test('sign-in with the OpenID provider returns to the page', () =>
      visit({}, async (page) => {
        await page.goto('/')
        await page.getByRole('button', { name: 'Continue with Demo ID' }).click()
        await signInAtProvider(page, grace)

        await page.waitForURL(`${app.url}/`)
        await expectSignedIn(page, grace)
      }))

    test('protected page redirects to the sign-in page and back', () =>
      visit({ allow: [/favicon\.ico/] }, async (page) => {
        await page.goto('/protected')
        await page.waitForURL('**/api/auth/signin**')
        await page.locator('input[name=username]').fill(ada.username)
        await page.locator('input[name=password]').fill(ada.password)
        await page.locator('input[name=password]').press('Enter')

        await page.waitForURL(`${app.url}/protected`)
        await page.getByRole('heading', { name: 'Protected' }).waitFor()
        assert.equal(JSON.parse(await page.getByTestId('me').innerText()).user.role, ada.role)
        await photograph(page, `${name}-protected`)
      }))

    test('refresh shows what has changed on the server', () =>
      visit({}, async (page, context) => {
        await page.goto('/')
        await signIn(page, alan)
        await expectSignedIn(page, alan)

        const renamed = await context.request.post(`${backend.url}/profile`, { form: { name: 'Alan M. Turing' } })
        assert.ok(renamed.ok(), `POST /profile: status ${renamed.status()}`)
        await page.getByRole('button', { name: 'Refresh session' }).click()

        await page.getByText('refreshed at').waitFor()
        assert.equal(await page.getByTestId('name').innerText(), 'Alan M. Turing')
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
      }))

    test('sign-out ends the session in all tabs', () =>
      visit({}, async (page, context) => {
        await page.goto('/')
        await signIn(page, ada)
        await expectSignedIn(page, ada)
        const other = await context.newPage()
        await other.goto('/')
        await expectSignedIn(other, ada)

        await page.bringToFront()
        await page.getByRole('button', { name: 'Sign out' }).click()

        await expectSignedOut(page)
        await other.bringToFront()
        await expectSignedOut(other)
        assert.equal(await sessionCookie(context), undefined)
      }))

    test('the development server signs in too', async () => {
      const port = await freePort()
      const backend = await startExample({ port: await freePort(), origin: `http://localhost:${port}` })
      const dev = await startVite({ name, port, backend: backend.url, dev: true })
      try {
        await visit({ baseURL: dev.url }, async (page) => {
          await page.goto('/')
          await signIn(page, ada)
          await expectSignedIn(page, ada)
          if (name !== 'vue') return
          const updated = await page.evaluate(async () => {
            const { useSession } = await import('/src/useSession.ts')
            return useSession().update({ role: 'manager', user: { role: 'manager' } })
          })
          assert.equal(updated.user.role, ada.role) // the JWT callback of the example ignores the data
        })
      }
      finally {
        await dev.stop()
        await backend.stop()
      }
    })
  })
}
