import { signOut, useSession } from 'next-auth/react'
import { useState } from 'react'
import { ProfileCard } from './ProfileCard'
import { SignInForm } from './SignInForm'

const minutes = (time: string) => `${time.slice(0, 10)} ${time.slice(11, 16)} UTC`

export function Home() {
  const { data, status, update } = useSession()
  const [refreshedAt, setRefreshedAt] = useState('')

  async function refreshSession() {
    if (await update()) setRefreshedAt(new Date().toLocaleTimeString())
    else window.location.reload() // the session has ended: update() leaves the old one on the page
  }

  if (data) {
    return (
      <section className="card">
        <ProfileCard user={data.user} />

        <h2>The session</h2>
        <pre data-testid="session">{JSON.stringify(data, null, 2)}</pre>

        <div className="actions">
          <button type="button" onClick={refreshSession}>Refresh session</button>
          <button type="button" onClick={() => signOut({ callbackUrl: '/' })}>Sign out</button>
        </div>
        <p className="note" role="status">
          Valid until {minutes(data.expires)}
          {refreshedAt && `, refreshed at ${refreshedAt}`}.
        </p>
      </section>
    )
  }

  if (status === 'loading') return null // the first request for the session

  return (
    <section className="card">
      <h1>Sign in</h1>
      <p className="lead">A React front end. The back end is Go.</p>

      <SignInForm />

      <details>
        <summary>Demo accounts</summary>
        <dl>
          <dt><code>ada</code> / <code>lovelace</code></dt><dd>admin</dd>
          <dt><code>grace</code> / <code>hopper</code></dt><dd>manager</dd>
          <dt><code>alan</code> / <code>turing</code></dt><dd>user</dd>
        </dl>
      </details>
    </section>
  )
}
