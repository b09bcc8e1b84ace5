import type { User } from '@auth/core/types'
import type { JWT } from '@auth/core/jwt'
import type { Session } from '@auth/sveltekit'

// A page's data.session.
declare const session: Session | null
export const name: string | undefined = session?.user.name
// @ts-expect-error
session!.user.role = 'root'

declare const user: User
export const teams: string[] = user.teams.map(team => team.name)

declare const token: JWT
export const plan: 'paid' | undefined = token.plan
// @ts-expect-error
export const number: number = token.plan
