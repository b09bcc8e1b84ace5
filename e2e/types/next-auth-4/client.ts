import type { User } from 'next-auth'
import type { JWT } from 'next-auth/jwt'
import { getSession, useSession } from 'next-auth/react'

export const name: string | undefined = useSession().data?.user.name
export const role: 'admin' | 'editor' | 'reader' = useSession({ required: true }).data!.user.role
export const fetched: Promise<string | undefined> = getSession().then(session => session?.user.name)

// The user that callbacks get has the members too.
declare const user: User
export const teams: string[] = user.teams.map(team => team.name)
// @ts-expect-error
user.nickname

// The token, for servers of Node that read the cookie.
declare const token: JWT
export const plan: 'paid' | undefined = token.plan
export const access: string | undefined = token.access_token
export const provider: string | undefined = token.nuxtauth?.idp
// @ts-expect-error
export const number: number = token.plan
// @ts-expect-error: claims of other servers are unknown
export const other: string = token.other

// @ts-expect-error
useSession().data!.user.role = 'root'
// @ts-expect-error: signed out is null
useSession().data.user
