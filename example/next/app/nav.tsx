'use client'

import Link from 'next/link'
import { usePathname } from 'next/navigation'

const pages = [
  ['/', 'Home'],
  ['/protected', 'Protected'],
  ['/claims', 'Claims'],
] as const

export function Nav() {
  const path = usePathname()
  return (
    <nav aria-label="Pages">
      {pages.map(([href, name]) => (
        <Link key={href} href={href} prefetch={false} aria-current={path === href ? 'page' : undefined}>{name}</Link>
      ))}
    </nav>
  )
}
