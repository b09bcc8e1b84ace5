// A gateway in front of a server, for tests in which the server is not reached for a while.
import { once } from 'node:events'
import { connect, createServer } from 'node:net'

/** Starts a gateway that passes connections on to the server at `target`, until it is closed. */
export async function startGateway(target) {
  const { hostname, port } = new URL(target)
  const sockets = new Set()
  let address = 0 // any free port at first

  const gateway = createServer((client) => {
    const server = connect(Number(port), hostname)
    for (const [socket, other] of [[client, server], [server, client]]) {
      sockets.add(socket)
      socket.on('error', () => {}) // 'close' follows
      socket.on('close', () => {
        sockets.delete(socket)
        other.destroy()
      })
      socket.pipe(other)
    }
  })

  /** Accepts connections, at the same port as before. */
  async function open() {
    gateway.listen(address, 'localhost')
    await once(gateway, 'listening')
    address = gateway.address().port
  }

  /** Ends the connections, and refuses new ones. */
  async function close() {
    if (!gateway.listening) return
    gateway.close()
    for (const socket of sockets) socket.destroy()
    await once(gateway, 'close')
  }

  await open()
  return { url: `http://localhost:${address}`, open, close }
}
