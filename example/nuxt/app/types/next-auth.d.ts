// The session as the Go back end sends it: the struct `User` of example/main.go.
// nuxt-auth takes this type from 'next-auth', which need not be installed.
// No import or export at the top level: with one, TypeScript would look for the package.
declare module 'next-auth' {
  interface User {
    name: string
    avatar: string
    role: 'admin' | 'manager' | 'user'
  }

  interface Session {
    user: User
    expires: string
  }
}
