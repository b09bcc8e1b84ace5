// When tokens are renewed: before the access token expires, and when the window is shown. The
// handler of nuxt-auth does the same, but it does not sign out when the session has ended, and
// it does not try again after a fault.
import type { RefreshHandler } from '@sidebase/nuxt-auth'

const fiveMinutes = 5 * 60 * 1000

let renew: () => void
let timer: ReturnType<typeof setInterval>

function renewIfVisible() {
  if (document.visibilityState === 'visible') renew()
}

const handler: RefreshHandler = {
  init() {
    const { refreshToken } = useAuth()
    const renewTokens = useRenew()
    renew = () => {
      if (refreshToken.value) renewTokens().catch(() => {}) // next time again
    }
    timer = setInterval(renew, fiveMinutes)
    document.addEventListener('visibilitychange', renewIfVisible)
  },
  destroy() {
    clearInterval(timer)
    document.removeEventListener('visibilitychange', renewIfVisible)
  },
}

export default handler
