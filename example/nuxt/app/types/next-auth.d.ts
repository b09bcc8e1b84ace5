// The session that the Go back end sends: the struct `User` of example/main.go.
// nuxt-auth imports this type from 'next-auth', which need not be installed.
// With an import or export at the top level, TypeScript would require the package.
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
