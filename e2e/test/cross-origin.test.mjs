// A page on another origin, which calls the Go example by fetch, in Chromium.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { once } from 'node:events'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { ada, alan, grace } from '../lib/accounts.mjs'
import { launch, photograph, sessionCookie, signInAtProvider, withContext } from '../lib/browser.mjs'
import { freePort, startExample } from '../lib/servers.mjs'

const folder = fileURLToPath(new URL('../../example/fetch/', import.meta.url))
const types = { html: 'text/html', js: 'text/javascript', css: 'text/css', svg: 'image/svg+xml' }

let backend, front, stranger, browser

/** Serves example/fetch with the address of the back end. */
async function serve(backendURL) {
  const server = createServer(async (request, response) => {
    const name = request.url.split('?')[0].slice(1) || 'index.html'
    const file = await readFile(folder + name, 'utf8').catch(() => undefined)
    response.writeHead(file === undefined ? 404 : 200, { 'content-type': types[name.split('.').at(-1)] ?? 'text/plain' })
    response.end(file?.replace('http://localhost:3000', backendURL))
  }).listen(0, 'localhost')
  await once(server, 'listening')
  return { url: `http://localhost:${server.address().port}`, stop: () => server.close() }
}

before(async () => {
  const port = await freePort()
  front = await serve(`http://localhost:${port}`)
  stranger = await serve(`http://localhost:${port}`)
  backend = await startExample({ port, env: { AUTH_TRUSTED_ORIGINS: front.url } })
  browser = await launch()
})

after(async () => {
  await browser?.close()
  await backend?.stop()
  front?.stop()
  stranger?.stop()
})

const visit = (options, steps) => withContext(browser, { baseURL: front.url, ...options }, async (context) => {
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
  assert.equal(JSON.parse(await page.getByTestId('me').innerText()).user.role, role, 'the route of the application')
}

const expectSignedOut = page => page.getByRole('heading', { name: 'Sign in' }).waitFor()

test('sign-in with credentials by fetch', () =>
  visit({ allow: [/status of 401/] }, async (page, context) => {
    await page.goto('/')
    await expectSignedOut(page)
    await photograph(page, 'fetch-signed-out')
    await signIn(page, { ...ada, password: 'byron' })
    await page.getByRole('alert').waitFor()
    assert.equal(await page.getByRole('alert').innerText(), 'Wrong user name or password.')
    assert.equal(await sessionCookie(context), undefined)

    await signIn(page, ada)
    await expectSignedIn(page, ada)
    await photograph(page, 'fetch-signed-in')
    await page.reload()
    await expectSignedIn(page, ada)
  }))

test('sign-in with a provider by a form returns to the page', () =>
  visit({}, async (page) => {
    await page.goto('/')
    await page.getByRole('button', { name: 'Continue with Demo ID' }).click()
    await signInAtProvider(page, grace)
    await page.waitForURL(`${front.url}/`)
    await expectSignedIn(page, grace)
  }))

test('sign-out by fetch', () =>
  visit({}, async (page, context) => {
    await page.goto('/')
    await signIn(page, alan)
    await expectSignedIn(page, alan)
    await page.getByRole('button', { name: 'Sign out' }).click()
    await expectSignedOut(page)
    assert.equal(await sessionCookie(context), undefined)
  }))

test('a route of the application that changes data accepts the page', () =>
  visit({}, async (page, context) => {
    await page.goto('/')
    await signIn(page, grace)
    await expectSignedIn(page, grace)
    await page.getByRole('button', { name: 'End session' }).click()
    await expectSignedOut(page)
    assert.equal(await sessionCookie(context), undefined)
  }))

test('a method and headers that need a preflight reach the application', () =>
  visit({ allow: [/status of 404/] }, async (page) => {
    await page.goto('/')
    await expectSignedOut(page)
    const status = await page.evaluate(async (url) => {
      const response = await fetch(url, { method: 'PUT', credentials: 'include', headers: { 'X-Trace': '1' } })
      return response.status
    }, `${backend.url}/api/me`)
    assert.equal(status, 404) // the example has no such route, and the script may read that
  }))

test('an origin that is not trusted reads nothing and changes nothing', () =>
  visit({ baseURL: stranger.url, allow: [/CORS policy/, /net::ERR_FAILED/, /status of 40[03]/] }, async (page, context) => {
    const trusted = await context.newPage()
    await trusted.goto(front.url)
    await signIn(trusted, ada)
    await expectSignedIn(trusted, ada)

    await page.goto('/')
    await page.getByRole('heading', { name: 'No answer' }).waitFor()
    const outcomes = await page.evaluate(async (backend) => {
      const attempt = (path, init) => fetch(backend + path, { credentials: 'include', ...init }).then(() => 'read', () => 'refused')
      return [await attempt('/api/me'), await attempt('/api/auth/session'), await attempt('/api/expire', { method: 'POST' })]
    }, backend.url)
    assert.deepEqual(outcomes, ['refused', 'refused', 'refused'])

    await trusted.reload()
    await expectSignedIn(trusted, ada) // its POST /api/expire was rejected, too
  }))
