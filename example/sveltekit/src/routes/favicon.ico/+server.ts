import { redirect } from '@sveltejs/kit'

// The pages of the Go server name no icon.
export const GET = () => redirect(307, '/favicon.svg')
