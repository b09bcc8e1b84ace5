// The Go back end serves all paths below /api/auth.
export default defineEventHandler(event =>
  proxyRequest(event, useRuntimeConfig(event).backendUrl + event.path, {
    headers: {
      'x-forwarded-host': getRequestHost(event),
      'x-forwarded-proto': getRequestProtocol(event),
      // So that failed sign-ins count for the client, and not for this server.
      'x-forwarded-for': [getRequestHeader(event, 'x-forwarded-for'), getRequestIP(event)].filter(Boolean).join(', '),
    },
    // The browser follows redirects: following one here would lose its cookies.
    fetchOptions: { redirect: 'manual' },
  }),
)
