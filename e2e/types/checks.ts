// What an application writes with its session, and mistakes that tsc must refuse: it reports a
// directive that expects an error where there is none.
import type { Session } from './session.js'

declare const data: Session
const { user } = data

export const name: string = user.name
export const id: string = user.id
export const role: 'admin' | 'editor' | 'reader' = user.role
export const upper: string = user.email?.toUpperCase() ?? ''
export const manager: string | undefined = user.manager?.manager?.name
export const deputy: string = user.deputy?.name ?? ''
export const roles: string[] = user.teams.flatMap(team => team.roles)
export const label: string | undefined = user.labels?.['a']
export const seen: Date = new Date(user.seenAt)
export const logins: bigint = BigInt(user.logins)
export const [x, y]: [number, number] = user.position
export const beta: boolean = user.features['dark mode'] ?? false
export const impersonated: boolean = data.impersonated ?? false
export const expires: Date = new Date(data.expires)
export const next: number = (user.recent.next ?? 0) + user.score

// @ts-expect-error: no such member
user.nickname
// @ts-expect-error: no such member of the session
data.token
// @ts-expect-error: no such role
export const wrong = user.role === 'root'
// @ts-expect-error: an enum has no ''
export const zero = user.role === ''
// @ts-expect-error: omitzero leaves out the zero value, of an enum too
export const free = user.plan === 'free'
// @ts-expect-error: omitzero may leave it out
user.email.length
// @ts-expect-error: a pointer may be null
user.manager.name
// @ts-expect-error: null is left out by omitzero, which leaves undefined
export const none: string | null = user.deputy
// @ts-expect-error: omitempty may leave a map out
user.labels.a
// @ts-expect-error: a field of a struct that is embedded by pointer
user.customer.length
// @ts-expect-error: a time is a string
user.seenAt.getTime()
// @ts-expect-error: a number in quotes
user.logins + 1 > 2
// @ts-expect-error: an array of two
user.position[2]
// @ts-expect-error: no such feature
user.features.gamma
// @ts-expect-error: an interface may be anything
user.settings.theme

const right: Session = {
  user: {
    id: '1', name: '', image: null, role: 'admin', teams: [], manager: null, seenAt: '', logins: '1', score: 0,
    emailVerified: false, address: '', position: [0, 0], features: {}, recent: { items: [] },
  },
  expires: '',
}
// @ts-expect-error: the user is required
export const signedOut: Session = { expires: '' }
// @ts-expect-error: a name is required
export const nameless: Session = { ...right, user: { ...right.user, name: undefined } }
// @ts-expect-error: nil slices are []
export const nil: Session = { ...right, user: { ...right.user, teams: null } }
// @ts-expect-error: omitempty leaves out no number
export const scoreless: Session = { ...right, user: { ...right.user, score: undefined } }
// @ts-expect-error: nor a boolean
export const unverified: Session = { ...right, user: { ...right.user, emailVerified: undefined } }
// @ts-expect-error: a member of which Go knows nothing
export const extra: Session = { ...right, user: { ...right.user, password: '' } }
