export type { Session } from 'next-auth'
