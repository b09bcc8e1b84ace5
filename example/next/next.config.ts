import type { NextConfig } from 'next'

const config: NextConfig = {
  poweredByHeader: false,
  turbopack: { root: import.meta.dirname },
  // The pages of the Go server name no icon.
  redirects: async () => [{ source: '/favicon.ico', destination: '/favicon.svg', permanent: false }],
}

export default config
