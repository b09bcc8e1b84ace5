import type { User } from 'next-auth'
import { useSession } from 'next-auth/react'

const { data } = useSession()
export const id: string | undefined = data?.user.id
export const role: 'admin' | 'editor' | 'reader' | undefined = data?.user.role
export const verified: boolean | undefined = data?.user.emailVerified
// @ts-expect-error: there is no name
export const name: string | undefined = data?.user.name.toUpperCase()

declare const user: User
export const rights: 'admin' | 'editor' | 'reader' = user.role
