import type { Metadata } from 'next'
import { SessionProvider } from 'next-auth/react'
import Link from 'next/link'
import type { ReactNode } from 'react'
import { session } from '@/lib/session'
import './main.css'
import { Nav } from './nav'

export const metadata: Metadata = {
  title: 'nuxtauth',
  description: 'A Next.js front end with sign-in served by Go.',
  icons: '/favicon.svg',
}

export default async function Layout({ children }: { children: ReactNode }) {
  return (
    <html lang="en">
      <body>
        <div className="shell">
          <header className="bar">
            <Link href="/" className="brand">
              <img src="/favicon.svg" alt="" width="24" height="24" />
              nuxtauth
            </Link>
            <Nav />
          </header>
          <main>
            <SessionProvider session={await session()}>{children}</SessionProvider>
          </main>
          <footer>Pages by Next.js. Sign-in and sessions by Go.</footer>
        </div>
      </body>
    </html>
  )
}
