// Everything below /api/auth is answered by the Go back end.
export default defineEventHandler(event =>
  proxyRequest(event, useRuntimeConfig(event).backendUrl + event.path, {
    headers: {
      'x-forwarded-host': getRequestHost(event),
      'x-forwarded-proto': getRequestProtocol(event),
    },
    // A redirect belongs to the browser. Followed here, its cookies would be lost.
    fetchOptions: { redirect: 'manual' },
  }),
)
