import { headers } from 'next/headers'
import { redirect } from 'next/navigation'
import { backend, forwarded } from '@/lib/backend'
import { session } from '@/lib/session'
import { ProfileCard } from '../profile-card'

export default async function Protected() {
  const data = await session()
  if (!data) redirect('/api/auth/signin?callbackUrl=%2Fprotected')

  const response = await fetch(`${backend}/api/me`, { headers: forwarded(await headers()), cache: 'no-store' })
  return (
    <section className="card">
      <ProfileCard user={data.user} />
      <h1>Protected</h1>
      <p className="lead">
        This page is for signed-in users. Below is the response of <code>GET /api/me</code>, a Gin handler with the same
        session in its context.
      </p>
      <pre data-testid="me">{JSON.stringify(await response.json(), null, 2)}</pre>
    </section>
  )
}
