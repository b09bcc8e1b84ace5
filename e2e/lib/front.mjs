// What the tests of the front ends for Auth.js 5 do on their pages, which are alike.
import assert from 'node:assert/strict'

export async function signIn(page, { username, password }) {
  await page.getByLabel('User name').fill(username)
  await page.getByLabel('Password').fill(password)
  await page.getByRole('button', { name: 'Sign in' }).click()
}

/** Signs in at the page of the Go server, which needs no scripts. */
export async function signInAtBackend(page, { username, password }) {
  await page.fill('input[name=username]', username)
  await page.fill('input[name=password]', password)
  await page.locator('form[action$="/callback/credentials"] button').click()
}

export async function expectSignedIn(page, { role }) {
  await page.getByTestId('role').waitFor()
  assert.equal(await page.getByTestId('role').innerText(), role)
}

export const expectSignedOut = page => page.getByRole('heading', { name: 'Sign in' }).waitFor()

/** Fails unless the avatar is drawn. */
export async function expectAvatar(page) {
  const width = await page.locator('.profile img').evaluate(async (image) => {
    await image.decode()
    return image.naturalWidth
  })
  assert.ok(width > 0, 'the avatar is not a picture')
}
