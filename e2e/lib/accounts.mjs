// The demo accounts of example/main.go.
export const ada = { username: 'ada', password: 'lovelace', role: 'admin' }
export const grace = { username: 'grace', password: 'hopper', role: 'manager' }
export const alan = { username: 'alan', password: 'turing', role: 'user' }
