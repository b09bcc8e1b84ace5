'use client'

import { signIn } from 'next-auth/react'
import { useEffect, useState, type FormEvent } from 'react'

export function SignInForm() {
  const [problem, setProblem] = useState('')
  const [busy, setBusy] = useState(true) // until the page is hydrated and can handle the form itself
  useEffect(() => setBusy(false), [])

  async function signInWithPassword(event: FormEvent<HTMLFormElement>) {
    event.preventDefault()
    const form = event.currentTarget
    setBusy(true)
    setProblem('')
    try {
      const result = await signIn('credentials', { ...Object.fromEntries(new FormData(form)), redirect: false })
      if (result?.error) setProblem(explain(result.error))
    }
    catch {
      setProblem('The server does not respond. Try again in a moment.')
    }
    finally {
      form.password.value = ''
      setBusy(false)
    }
  }

  return (
    <>
      <noscript>
        <p>This form needs scripts. <a href="/api/auth/signin?callbackUrl=%2F">Sign in without scripts</a></p>
      </noscript>

      <form method="post" action="/api/auth/callback/credentials" onSubmit={signInWithPassword}>
        <label htmlFor="username">User name</label>
        <input id="username" name="username" autoComplete="username" autoCapitalize="none" spellCheck={false} required />

        <label htmlFor="password">Password</label>
        <input id="password" name="password" type="password" autoComplete="current-password" required />

        {problem && <p className="problem" role="alert">{problem}</p>}

        <button className="primary" type="submit" disabled={busy}>Sign in</button>
      </form>

      <p className="or"><span>or</span></p>

      <button type="button" disabled={busy} onClick={() => signIn('demo', { redirectTo: '/' })}>
        Continue with Demo ID
      </button>
    </>
  )
}

function explain(code: string) {
  return code === 'CredentialsSignin'
    ? 'Wrong user name or password.'
    : 'You could not be signed in. Try again.'
}
