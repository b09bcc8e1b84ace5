'use client'

import './main.css'

export default function GlobalError() {
  return (
    <html lang="en">
      <body>
        <title>Not available</title>
        <div className="shell">
          <main>
            <section className="card">
              <h1>Not available</h1>
              <p className="lead">The server does not respond. Try again in a moment.</p>
              <button type="button" onClick={() => window.location.reload()}>Try again</button>
            </section>
          </main>
        </div>
      </body>
    </html>
  )
}
