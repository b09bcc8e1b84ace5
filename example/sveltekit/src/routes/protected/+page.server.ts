import { redirect } from '@sveltejs/kit'
import type { PageServerLoad } from './$types'

export const load: PageServerLoad = async ({ parent, fetch }) => {
  const { session } = await parent()
  if (!session) redirect(307, '/auth/signin?callbackUrl=%2Fprotected')

  const response = await fetch('/api/me')
  return { session, me: await response.json() as unknown }
}
