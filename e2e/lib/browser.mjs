// One Chromium per test file, one context per test, and a record of the errors of the pages.
import assert from 'node:assert/strict'
import { mkdir } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { chromium } from 'playwright-core'

const screenshots = fileURLToPath(new URL('../screenshots/', import.meta.url))

export function launch() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  })
}

/**
 * Runs `visit` in a new browser context and fails on every error of its pages:
 * console errors and warnings, uncaught exceptions, violations of the content security policy.
 * `allow` lists patterns of messages that the test causes on purpose.
 */
export async function withContext(browser, options, visit) {
  const { allow = [], ...contextOptions } = options
  const context = await browser.newContext(contextOptions)
  context.setDefaultTimeout(15_000)
  const problems = []

  context.on('console', (message) => {
    if (!['error', 'warning'].includes(message.type())) return
    problems.push(`${message.type()} on ${message.location().url}: ${message.text()}`)
  })
  context.on('weberror', error => problems.push(`uncaught: ${error.error().stack}`))
  if (contextOptions.javaScriptEnabled !== false) {
    await context.exposeFunction('reportViolation', text => problems.push(`policy: ${text}`))
    await context.addInitScript(() => {
      document.addEventListener('securitypolicyviolation', (event) => {
        window.reportViolation(`${event.violatedDirective} blocked ${event.blockedURI}`)
      })
    })
  }

  try {
    await visit(context)
    const unexpected = problems.filter(text => !allow.some(pattern => pattern.test(text)))
    assert.deepEqual(unexpected, [], 'the pages report problems')
  }
  finally {
    await context.close()
  }
}

/** Saves the page in its light and its dark look. */
export async function photograph(page, name) {
  await mkdir(screenshots, { recursive: true })
  for (const colorScheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme })
    await page.screenshot({ path: `${screenshots}${name}-${colorScheme}.png`, fullPage: true, animations: 'disabled' })
  }
  await page.emulateMedia({ colorScheme: null })
}

/** Signs in with the form of the demo provider. */
export async function signInAtProvider(page, { username, password }) {
  await page.waitForURL('**/demo-provider/**')
  await page.fill('input[name=username]', username)
  await page.fill('input[name=password]', password)
  await page.getByRole('button', { name: 'Sign in' }).click()
}

/** Returns the session cookie of the browser, undefined if there is none. */
export async function sessionCookie(context, name = 'next-auth.session-token') {
  const cookies = await context.cookies()
  return cookies.find(cookie => cookie.name === name)
}
