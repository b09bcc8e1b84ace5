export type { Session } from './generated.js'
