import type { H3Event } from 'h3'

/** Sends a request to the Go back end. */
export function proxyToBackend(event: H3Event, path: string) {
  return proxyRequest(event, useRuntimeConfig(event).backendUrl + path, {
    headers: {
      'cookie': '', // the tokens are in the Authorization header and in the body
      'x-forwarded-host': getRequestHost(event),
      'x-forwarded-proto': getRequestProtocol(event),
      // So that failed sign-ins count for the client, and not for this server.
      'x-forwarded-for': [getRequestHeader(event, 'x-forwarded-for'), getRequestIP(event)].filter(Boolean).join(', '),
    },
  })
}
