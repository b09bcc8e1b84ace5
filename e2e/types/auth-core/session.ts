export type { Session } from '@auth/core/types'
