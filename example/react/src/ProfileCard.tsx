import type { Session } from 'next-auth'

export function ProfileCard({ user }: { user: Session['user'] }) {
  return (
    <div className="profile">
      <img src={user.avatar} alt="" width="48" height="48" />
      <div>
        <p className="name" data-testid="name">{user.name}</p>
        <p className="role" data-testid="role">{user.role}</p>
      </div>
    </div>
  )
}
