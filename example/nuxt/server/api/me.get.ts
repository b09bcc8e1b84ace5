// One of the app's own routes: a Gin handler that finds the session in its context.
export default defineEventHandler(event =>
  proxyRequest(event, `${useRuntimeConfig(event).backendUrl}/api/me`),
)
