import { Home } from './Home'
import { Protected } from './Protected'

// Two pages need no router. With one, the links are those of the router.
const path = window.location.pathname
const current = (page: string) => (path === page ? 'page' : undefined)

export function App() {
  return (
    <div className="shell">
      <header className="bar">
        <a href="/" className="brand">
          <img src="/favicon.svg" alt="" width="24" height="24" />
          nuxtauth
        </a>
        <nav aria-label="Pages">
          <a href="/" aria-current={current('/')}>Home</a>
          <a href="/protected" aria-current={current('/protected')}>Protected</a>
        </nav>
      </header>

      <main>{path === '/protected' ? <Protected /> : <Home />}</main>

      <footer>Pages by React. Sign-in and sessions by Go.</footer>
    </div>
  )
}
