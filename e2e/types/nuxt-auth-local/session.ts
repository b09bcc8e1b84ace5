import type { SessionData } from '#auth'

// The module declares an id: the README says what to do about it.
export type Session = Omit<SessionData, 'id'>
