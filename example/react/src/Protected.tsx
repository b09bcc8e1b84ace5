import type { Session } from 'next-auth'
import { useSession } from 'next-auth/react'
import { useEffect, useState } from 'react'
import { ProfileCard } from './ProfileCard'

export function Protected() {
  const { data } = useSession({ required: true }) // signed out, the browser goes to the sign-in page
  const [me, setMe] = useState<Session>()
  const signedIn = Boolean(data)

  useEffect(() => {
    if (signedIn) fetch('/api/me').then(response => response.json()).then(setMe, console.error)
  }, [signedIn])

  if (!data) return null

  return (
    <section className="card">
      <ProfileCard user={data.user} />

      <h1>Protected</h1>
      <p className="lead">
        This page is for signed-in users. Below is the response of <code>GET /api/me</code>, a Gin handler with the same
        session in its context.
      </p>
      {me && <pre data-testid="me">{JSON.stringify(me, null, 2)}</pre>}
    </section>
  )
}
