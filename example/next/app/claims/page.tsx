import { claims } from '@/lib/claims'

export default async function Claims() {
  const token = await claims()
  return (
    <section className="card">
      <h1>Claims</h1>
      {token
        ? (
            <>
              <p className="lead">
                Go sealed them in your cookie. Node opened it with the same secret, by <code>auth()</code> of next-auth,
                and asked no server.
              </p>
              <pre data-testid="claims">{JSON.stringify({ sub: token.sub, name: token.name }, null, 2)}</pre>
              <p className="note">The role is not among them: the Session callback in Go adds it.</p>
            </>
          )
        : (
            <p className="lead">
              The cookie has no claims: you are signed out, or the session is in a store of the Go server.
            </p>
          )}
    </section>
  )
}
