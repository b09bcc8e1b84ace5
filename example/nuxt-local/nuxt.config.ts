export default defineNuxtConfig({
  compatibilityDate: '2025-12-01',
  modules: ['@sidebase/nuxt-auth'],
  css: ['~/assets/main.css'],
  devtools: { enabled: false },
  telemetry: false,

  auth: {
    baseURL: '/api/auth/local',
    provider: {
      type: 'local',
      pages: { login: '/' },
      token: { maxAgeInSeconds: 10 * 60 }, // Local.AccessLifetime
      refresh: {
        isEnabled: true,
        token: { maxAgeInSeconds: 7 * 24 * 3600 }, // Local.RefreshLifetime
      },
      session: { dataType: { id: 'undefined' } }, // app/types/auth.d.ts has the type
    },
    sessionRefresh: { handler: '~/session-refresh.ts' },
  },

  // In development there is no TLS, and Safari keeps such cookies for https alone.
  $production: {
    auth: {
      provider: {
        type: 'local',
        token: { secureCookieAttribute: true },
        refresh: { token: { secureCookieAttribute: true } },
      },
    },
  },

  // Pages have the tokens in their HTML: no cache may store them.
  routeRules: { '/**': { headers: { 'cache-control': 'private, no-store' } } },

  // The address of the Go back end; NUXT_BACKEND_URL sets it at run time.
  runtimeConfig: {
    backendUrl: 'http://localhost:3000',
  },

  app: {
    head: {
      title: 'nuxtauth',
      htmlAttrs: { lang: 'en' },
      meta: [{ name: 'description', content: 'A Nuxt front end with tokens of a Go back end.' }],
      link: [{ rel: 'icon', type: 'image/svg+xml', href: '/favicon.svg' }],
    },
  },
})
