'use client'

import { signOut, useSession } from 'next-auth/react'
import { useState } from 'react'
import { ProfileCard } from './profile-card'
import { SignInForm } from './sign-in-form'

export default function Home() {
  const { data, update } = useSession()
  const [refreshedAt, setRefreshedAt] = useState('')

  async function refresh() {
    // update() keeps the old session when there is none any more: the server then renders the page anew.
    if (await update()) setRefreshedAt(new Date().toLocaleTimeString())
    else window.location.reload()
  }

  if (!data) {
    return (
      <section className="card">
        <h1>Sign in</h1>
        <p className="lead">A Next.js front end. The back end is Go.</p>
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
  return (
    <section className="card">
      <ProfileCard user={data.user} />
      <h2>The session</h2>
      <pre data-testid="session">{JSON.stringify(data, null, 2)}</pre>
      <div className="actions">
        <button type="button" onClick={refresh}>Refresh session</button>
        <button type="button" onClick={() => signOut({ redirectTo: '/' })}>Sign out</button>
      </div>
      <p className="note" role="status">
        Valid until {minutes(data.expires)}{refreshedAt && `, refreshed at ${refreshedAt}`}.
      </p>
    </section>
  )
}

const minutes = (time: string) => `${time.slice(0, 10)} ${time.slice(11, 16)} UTC`
