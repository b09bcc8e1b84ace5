// The Go back end is on another origin, which index.html names.
const backend = document.querySelector('meta[name=backend]').content

const find = selector => document.querySelector(selector)

/** Calls the back end with the cookies of its origin. */
const call = (path, init) => fetch(backend + path, { credentials: 'include', ...init })

/** Posts a form to the sign-in API, which answers with {url} because of json. */
async function post(action, fields) {
  const { csrfToken } = await (await call('/api/auth/csrf')).json()
  const body = new URLSearchParams({ csrfToken, callbackUrl: location.href, json: 'true', ...fields })
  return call(`/api/auth/${action}`, { method: 'POST', body })
}

/** Returns the session, or null. In the authjs protocol the API answers null, and in next-auth {}. */
async function getSession() {
  const session = await (await call('/api/auth/session')).json()
  return session?.user ? session : null
}

function show(id) {
  for (const section of document.querySelectorAll('main section')) section.hidden = section.id !== id
}

async function render() {
  const session = await getSession()
  if (session) {
    find('#avatar').src = session.user.avatar
    find('[data-testid=name]').textContent = session.user.name
    find('[data-testid=role]').textContent = session.user.role
    find('[data-testid=me]').textContent = JSON.stringify(await (await call('/api/me')).json(), null, 2)
    show('signed-in')
    return
  }
  const form = find('#provider-form')
  form.action = `${backend}/api/auth/signin/demo`
  form.elements.csrfToken.value = (await (await call('/api/auth/csrf')).json()).csrfToken
  form.elements.callbackUrl.value = location.href
  show('signed-out')
}

const problem = find('#problem')

function explain(text) {
  problem.textContent = text
  problem.hidden = text === ''
}

find('#password-form').addEventListener('submit', async (event) => {
  event.preventDefault()
  const { username, password } = event.target.elements
  explain('')
  try {
    const response = await post('callback/credentials', { username: username.value, password: password.value })
    password.value = ''
    if (response.ok) await render()
    else explain(response.status === 401 ? 'Wrong user name or password.' : 'You could not be signed in. Try again.')
  }
  catch {
    explain('The server does not respond. Try again in a moment.')
  }
})

find('#sign-out').addEventListener('click', async () => {
  await post('signout')
  await render()
})

find('#expire').addEventListener('click', async () => {
  await call('/api/expire', { method: 'POST', headers: { Accept: 'application/json' } })
  await render()
})

render().catch(() => show('down'))
