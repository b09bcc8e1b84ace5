import { useAuth } from '@sidebase/nuxt-auth/dist/runtime/composables/local/useAuth.js'

const { data, getSession } = useAuth()
export const name: string | undefined = data.value?.user.name
export const fetched: Promise<string | undefined> = getSession().then(session => session?.user.name)
// @ts-expect-error: signed out is null
data.value.user
// @ts-expect-error
data.value!.user.nickname
