// The Go back end serves all paths below /api/auth/local.
export default defineEventHandler(event => proxyToBackend(event, event.path))
