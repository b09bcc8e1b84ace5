import react from '@vitejs/plugin-react'
import { defineConfig, loadEnv } from 'vite'

export default defineConfig(({ mode }) => {
  // The Go back end serves all paths below /api.
  const { BACKEND_URL = 'http://localhost:3000' } = loadEnv(mode, '.', 'BACKEND_')
  const proxy = { '/api': { target: BACKEND_URL, xfwd: true } }

  return {
    plugins: [react()],
    define: { 'process.env': {} }, // next-auth/react looks for variables of Node
    server: { port: 5173, strictPort: true, proxy },
    preview: { port: 5173, strictPort: true, proxy },
  }
})
