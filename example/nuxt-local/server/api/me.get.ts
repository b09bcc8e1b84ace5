// A route of the application: a Gin handler with the session in its context.
export default defineEventHandler(event => proxyToBackend(event, '/api/me'))
