export default defineNuxtConfig({
  compatibilityDate: '2025-12-01',
  modules: ['@sidebase/nuxt-auth'],
  css: ['~/assets/main.css'],
  devtools: { enabled: false },
  telemetry: false,

  auth: {
    baseURL: '/api/auth',
    provider: { type: 'authjs' },
  },

  // The address of the Go back end; NUXT_BACKEND_URL sets it at run time.
  runtimeConfig: {
    backendUrl: 'http://localhost:3000',
  },

  app: {
    head: {
      title: 'nuxtauth',
      htmlAttrs: { lang: 'en' },
      meta: [{ name: 'description', content: 'A Nuxt front end with sign-in served by Go.' }],
      link: [{ rel: 'icon', type: 'image/svg+xml', href: '/favicon.svg' }],
    },
  },
})
