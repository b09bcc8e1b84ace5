import type { JWT, Session, User, typescript_test } from './generated.js'

export const session: Session | null = await fetch('/api/auth/session').then(response => response.json())
export const user: User | undefined = session?.user
export const team: typescript_test.Team | undefined = user?.teams[0]

declare const token: JWT
export const plan: 'paid' | undefined = token.plan
// @ts-expect-error
token.other
