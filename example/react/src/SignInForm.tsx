import { signIn } from 'next-auth/react'
import { type FormEvent, useState } from 'react'

export function SignInForm() {
  const [username, setUsername] = useState('')
  const [password, setPassword] = useState('')
  const [problem, setProblem] = useState('')
  const [busy, setBusy] = useState(false)

  async function signInWithPassword(event: FormEvent) {
    event.preventDefault()
    setBusy(true)
    setProblem('')
    try {
      const result = await signIn('credentials', { username, password, redirect: false })
      if (result?.error) setProblem(explain(result.error))
    }
    catch {
      setProblem('The server does not respond. Try again in a moment.')
    }
    finally {
      setPassword('')
      setBusy(false)
    }
  }

  return (
    <>
      <form onSubmit={signInWithPassword}>
        <label htmlFor="username">User name</label>
        <input
          id="username" name="username" autoComplete="username" autoCapitalize="none" spellCheck={false} required
          value={username} onChange={event => setUsername(event.target.value)}
        />

        <label htmlFor="password">Password</label>
        <input
          id="password" name="password" type="password" autoComplete="current-password" required
          value={password} onChange={event => setPassword(event.target.value)}
        />

        {problem && <p className="problem" role="alert">{problem}</p>}

        <button className="primary" type="submit" disabled={busy}>Sign in</button>
      </form>

      <p className="or"><span>or</span></p>

      <button type="button" disabled={busy} onClick={() => signIn('demo', { callbackUrl: '/' })}>
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
