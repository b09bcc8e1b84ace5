// One database of users for Go and Node: each side finds the users, accounts and links of the other.
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import pg from 'pg'
import { drizzleAdapter, pgAdapter } from '../lib/authjs-tables.mjs'
import { CookieJar } from '../lib/http.mjs'
import { startAuthJS, startNextAuth } from '../lib/node-auth.mjs'
import { startPostgres } from '../lib/postgres.mjs'
import { buildGo, freePort, startGo } from '../lib/servers.mjs'

const setups = [
  { node: 'next-auth 4', adapter: pgAdapter, protocol: 'next-auth', start: startNextAuth, mail: 'email', storeTokens: true },
  { node: 'Auth.js 5', adapter: pgAdapter, protocol: 'authjs', start: startAuthJS, mail: 'nodemailer', storeTokens: false },
  { node: 'Auth.js 5', adapter: drizzleAdapter, protocol: 'authjs', start: startAuthJS, mail: 'nodemailer', storeTokens: true },
]

const people = ['ada', 'grace', 'alan', 'uma', 'dora', 'nils', 'zoe', 'race1', 'race2', 'race3', 'race4']
const client = { id: 'e2e', secret: 'secret-of-the-client-0123456789abcdef' }

const database = await startPostgres()
const required = process.env.NUXTAUTH_REQUIRE_SERVERS === '1'
assert.ok(database || !required, 'PostgreSQL is not installed')

const folder = await mkdtemp(join(tmpdir(), 'nuxtauth-e2e-'))
const program = database && await buildGo('store/integration/authjs', folder)

after(async () => {
  await database?.stop()
  await rm(folder, { recursive: true })
})

for (const [number, setup] of setups.entries()) {
  const { adapter: tables, protocol, mail, storeTokens } = setup
  describe(`${setup.node} with ${tables.name}`, { skip: !database && 'PostgreSQL is not installed' }, () => {
    let pool, adapter, go, node

    before(async () => {
      const url = await database.createDatabase(`e2e${number}`)
      pool = new pg.Pool({ connectionString: url })
      adapter = tables.open(pool)
      await pool.query(tables.schema)
      const port = await freePort()
      const env = {
        DATABASE_URL: url, LAYOUT: tables.layout, AUTH_PROTOCOL: protocol, EMAIL_PROVIDER: mail,
        IDP_SECRET: client.secret, IDP_USERS: people.join(), STORE_TOKENS: storeTokens ? '1' : '',
      }
      if (!tables.keys) await addKeys({ port, env })
      go = await startGo(program, { port, env })
      node = await setup.start({ port: await freePort(), adapter, issuer: `${go.url}/idp`, client })
    })

    after(async () => {
      await node?.stop()
      await go?.stop()
      await pool?.end()
    })

    /** The published tables lack keys: the program ends with the SQL that adds them. */
    async function addKeys(options) {
      const error = await startGo(program, options).then(() => null, problem => problem)
      assert.match(String(error), /unique/i, 'tables without unique keys are accepted')
      const sql = String(error).match(/^\s*(ALTER TABLE|CREATE UNIQUE INDEX)[^;]*;/gm)
      assert.ok(sql, `no SQL in ${error}`)
      await pool.query(sql.join('\n'))
    }

    /** Two fetch functions that share the cookies of one browser, which knows hosts without ports. */
    function newBrowser() {
      const jar = new CookieJar()
      return { jar, go: jar.fetcher(go.url), node: jar.fetcher(node.url) }
    }

    const rows = async (sql, ...values) => (await pool.query(sql, values)).rows
    const usersOf = name => rows(`SELECT * FROM ${tables.users} WHERE email = $1`, `${name}@example.com`)
    const accountsOf = name => rows(`SELECT * FROM ${tables.accounts} WHERE "providerAccountId" = $1`, name)

    async function userOf(name) {
      const found = await usersOf(name)
      assert.equal(found.length, 1, `${found.length} users have the address of ${name}`)
      return { ...found[0], id: String(found[0].id) }
    }

    async function accountOf(name) {
      const found = await accountsOf(name)
      assert.equal(found.length, 1, `${found.length} rows of the account ${name}`)
      return { ...found[0], userId: String(found[0].userId) }
    }

    async function post(request, path, fields = {}) {
      const { csrfToken } = await (await request('/api/auth/csrf')).json()
      return request(path, { method: 'POST', body: new URLSearchParams({ csrfToken, ...fields }) })
    }

    /** Signs in at the provider, and returns the URL that leads back to the application. */
    async function passProvider(request, name) {
      const start = await post(request, '/api/auth/signin/idp', { callbackUrl: '/after' })
      const address = new URL(start.headers.get('location'))
      const form = new URLSearchParams({ ...Object.fromEntries(address.searchParams), username: name, password: name })
      const response = await fetch(`${go.url}/idp/login`, { method: 'POST', body: form, redirect: 'manual' })
      assert.equal(response.status, 303, `the provider answers ${response.status} to ${address}`)
      return response.headers.get('location')
    }

    const leadsTo = response => new URL(response.headers.get('location') ?? '', 'http://relative')
    const signIn = async (request, name) => leadsTo(await request(await passProvider(request, name)))
    const isNew = url => url.pathname === '/welcome'
    const failure = url => url.searchParams.get('error')

    /** The ID of the user as each side reads it from the session cookie; empty for none. */
    const subject = {
      go: async browser => (await browser.go('/test/subject')).text(),
      node: async browser => (await (await browser.node('/api/auth/session')).json())?.subject ?? '',
    }

    /** Signs in at one side, and returns the browser and the subject that the other side reads. */
    async function signInAt(side, name) {
      const browser = newBrowser()
      const to = await signIn(browser[side], name)
      assert.equal(failure(to), null, `sign-in of ${name} at ${side}`)
      const id = await subject[side](browser)
      assert.notEqual(id, '', `${name} is not signed in at ${side}`)
      return { browser, id, isNew: isNew(to) }
    }

    const ask = (request, name) => post(request, `/api/auth/signin/${mail}`, { email: `${name}@example.com`, callbackUrl: '/after' })

    async function linkOf(side, name) {
      await ask(newBrowser()[side], name)
      return side === 'go' ? mailOfGo(name) : node.links.findLast(link => link.to === `${name}@example.com`).url
    }

    /** Returns the link of a mail of Go; mails are sent after the response. */
    async function mailOfGo(name, path = '/api/auth/callback/') {
      for (;;) {
        const sent = await (await fetch(`${go.url}/test/mails`)).json()
        const text = sent.findLast(text => text.startsWith(`${name}@example.com\n`) && text.includes(path))
        if (text) return text.match(/^http\S+$/m)[0]
      }
    }

    /** Opens a link at a side, whichever has sent it, as where both have one origin. */
    async function open(side, browser, link) {
      const origins = [go.url, node.url].map(encodeURIComponent)
      if (side === 'node') origins.reverse()
      const { pathname, search } = new URL(link)
      const response = await browser[side](pathname + search.replaceAll(origins[1], origins[0]))
      if (side === 'node' || response.status !== 200) return leadsTo(response)
      const fields = [...(await response.text()).matchAll(/<input type="hidden" name="(\w+)" value="([^"]*)">/g)]
      const form = new URLSearchParams(fields.map(([, name, value]) => [name, value.replaceAll('&amp;', '&').replaceAll('&#43;', '+')]))
      return leadsTo(await browser.go(pathname, { method: 'POST', body: form }))
    }

    test('a user of Node is the same at Go', async () => {
      const first = await signInAt('node', 'ada')
      assert.ok(first.isNew)
      const before = await accountOf('ada')
      assert.equal(first.id, (await userOf('ada')).id)

      const shown = await first.browser.go('/test/account?provider=idp&id=ada')
      assert.equal(shown.status, 200, 'the account that Node has stored')
      assert.equal((await shown.json()).access_token ?? '', storeTokens ? before.access_token : '')

      const second = await signInAt('go', 'ada')
      assert.equal(second.id, first.id)
      assert.ok(!second.isNew)
      const tokens = ['access_token', 'refresh_token', 'id_token', 'expires_at', 'token_type', 'scope', 'session_state']
      const kept = ([name]) => !storeTokens || !tokens.includes(name)
      const columns = row => Object.fromEntries(Object.entries(row).filter(kept))
      const account = await accountOf('ada')
      assert.deepEqual(columns(account), columns(before))
      if (storeTokens) assert.notEqual(account.access_token, before.access_token, 'the tokens of the latest sign-in')

      assert.ok(!(await signInAt('node', 'ada')).isNew)
    })

    test('a user of Go is the same in Node, which can use the tokens', async () => {
      const first = await signInAt('go', 'grace')
      assert.ok(first.isNew)
      const user = await userOf('grace')
      assert.equal(user.id, first.id)

      const found = await adapter.getUserByAccount({ provider: 'idp', providerAccountId: 'grace' })
      assert.equal(String(found.id), first.id)
      assert.equal(found.name, 'User grace')
      assert.equal(found.email, 'grace@example.com')
      assert.equal(found.image, 'https://example.com/grace.png')
      assert.ok(Math.abs(found.emailVerified - Date.now()) < 60_000, `emailVerified is ${found.emailVerified}`)

      const account = await accountOf('grace')
      assert.equal(account.type, 'oidc')
      assert.equal(account.userId, first.id)
      if (storeTokens) {
        const response = await fetch(`${go.url}/idp/userinfo`, { headers: { authorization: `Bearer ${account.access_token}` } })
        assert.equal((await response.json()).sub, 'grace')
        assert.equal(JSON.parse(Buffer.from(account.id_token.split('.')[1], 'base64url')).sub, 'grace')
        assert.ok(account.refresh_token)
        assert.ok(Math.abs(account.expires_at - Date.now() / 1000) < 2 * 3600)
      }
      else {
        for (const column of ['access_token', 'refresh_token', 'id_token']) assert.ok(!account[column], column)
      }

      const second = await signInAt('node', 'grace')
      assert.equal(second.id, first.id)
      assert.ok(!second.isNew)
    })

    test('each side reads the session of the other', async () => {
      const atNode = await signInAt('node', 'alan')
      assert.equal(await subject.go(atNode.browser), atNode.id)
      const session = await (await atNode.browser.go('/api/auth/session')).json()
      assert.equal(session.user.email, 'alan@example.com')

      const atGo = await signInAt('go', 'alan')
      assert.equal(await subject.node(atGo.browser), atGo.id)
      assert.equal(atGo.id, atNode.id)
      assert.equal(await subject.go(atGo.browser), atGo.id, 'after Node has renewed the cookie')
    })

    for (const [sender, opener] of [['node', 'go'], ['go', 'node'], ['node', 'node'], ['go', 'go']]) {
      test(`a link of ${sender} is opened at ${opener}, once`, async () => {
        const name = `link.${sender}.${opener}`
        for (const known of [false, true]) {
          const link = await linkOf(sender, name)
          const browser = newBrowser()
          const to = await open(opener, browser, link)
          assert.equal(failure(to), null)
          assert.equal(isNew(to), !known)
          if (known && sender === 'node') assert.equal(to.pathname, '/after')
          const user = await userOf(name)
          assert.equal(await subject[opener](browser), user.id)
          assert.ok(user.emailVerified)
          for (const side of ['go', 'node']) assert.equal(failure(await open(side, newBrowser(), link)), 'Verification', side)
          if (sender === 'go') break // it sends 3 to an address
        }
        assert.deepEqual(await rows(`SELECT * FROM ${tables.links} WHERE identifier = $1`, `${name}@example.com`), [])
      })
    }

    test('of both sides that get a link at once, one signs in', async () => {
      for (const sender of ['node', 'go']) {
        const link = await linkOf(sender, `both.${sender}`)
        const results = await Promise.all(['go', 'node', 'go', 'node'].map(side => open(side, newBrowser(), link)))
        assert.deepEqual(results.map(failure).sort(), ['Verification', 'Verification', 'Verification', null], sender)
      }
    })

    test('a sign-in by a link at Go ends the other links of Node', async () => {
      const [first, second] = [await linkOf('node', 'two'), await linkOf('node', 'two')]
      assert.notEqual(first, second)
      assert.equal(failure(await open('go', newBrowser(), second)), null)
      assert.equal(failure(await open('node', newBrowser(), first)), 'Verification')
    })

    test('a link to reset a password signs in nowhere', async () => {
      await open('node', newBrowser(), await linkOf('node', 'rosa'))
      await fetch(`${go.url}/test/reset?email=rosa@example.com`, { method: 'POST' })
      const link = await mailOfGo('rosa', '/reset?')
      for (const side of ['go', 'node']) {
        const to = await open(side, newBrowser(), link.replace('/reset?', `/api/auth/callback/${mail}?`))
        assert.equal(failure(to), 'Verification', side)
      }
      assert.deepEqual(await rows(`SELECT * FROM ${tables.links} WHERE identifier = $1`, 'rosa@example.com'), [])
    })

    test('the owner of an address that Node has not verified removes what another person may have left', async () => {
      const other = await signInAt('node', 'zoe')
      assert.equal((await userOf('zoe')).emailVerified, null)
      const browser = newBrowser()
      assert.equal(failure(await open('go', browser, await linkOf('go', 'zoe'))), null)
      assert.equal(await subject.go(browser), other.id)
      assert.equal(await subject.go(other.browser), '', 'the session of before goes on')
      assert.deepEqual(await accountsOf('zoe'), [])
      assert.ok((await userOf('zoe')).emailVerified)
    })

    test('an account that is unlinked at Go is gone in Node', async () => {
      const link = await linkOf('node', 'uma')
      await open('node', newBrowser(), link)
      const { browser, id, isNew } = await signInAt('go', 'uma') // linked by the address, which both have proved
      assert.equal(id, (await userOf('uma')).id)
      assert.ok(!isNew)
      assert.equal((await signInAt('node', 'uma')).id, id)

      const response = await browser.go('/test/unlink?provider=idp&id=uma', { method: 'POST' })
      assert.equal(response.status, 200, await response.text())
      assert.equal(await adapter.getUserByAccount({ provider: 'idp', providerAccountId: 'uma' }), null)
      assert.equal(failure(await signIn(newBrowser().node, 'uma')) ?? 'none', 'OAuthAccountNotLinked')
    })

    test('a user who is deleted at Go is new in Node', async () => {
      const { browser, id } = await signInAt('go', 'dora')
      assert.equal((await userOf('dora')).id, id)
      const response = await browser.go('/test/delete', { method: 'POST' })
      assert.equal(response.status, 200, await response.text())
      assert.equal(await adapter.getUser(id), null)
      assert.deepEqual([...await usersOf('dora'), ...await accountsOf('dora')], [])
      const next = await signInAt('node', 'dora')
      assert.ok(next.isNew)
      assert.notEqual(next.id, id)
    })

    test('a user who is deleted in Node is new at Go', async () => {
      const { id } = await signInAt('go', 'nils')
      await adapter.deleteUser(tables.layout === 'pg' ? Number(id) : id)
      const next = await signInAt('go', 'nils')
      assert.ok(next.isNew)
      assert.notEqual(next.id, id)
    })

    test('first sign-ins at both at once make one user', async () => {
      for (const [round, name] of people.filter(name => name.startsWith('race')).entries()) {
        const sides = ['node', 'node', 'node']
        sides.splice(round, 0, 'go')
        const browsers = sides.map(side => ({ side, browser: newBrowser() }))
        for (const b of browsers) b.callback = await passProvider(b.browser[b.side], name)
        const results = await Promise.all(browsers.map(async ({ side, browser, callback }) => leadsTo(await browser[side](callback))))
        const user = await userOf(name)
        assert.equal((await accountOf(name)).userId, user.id)
        for (const [i, { side, browser }] of browsers.entries()) {
          // Node answers an error of its database where another sign-in has come first.
          if (side === 'node' && failure(results[i])) assert.equal(failure(await signIn(browser.node, name)), null)
          assert.equal(await subject[side](browser), user.id, `${side}: ${results[i]}`)
        }
      }
    })
  })
}
