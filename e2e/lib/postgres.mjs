// Starts a PostgreSQL server in a temporary folder, on a free loopback port.
import { execFile } from 'node:child_process'
import { chown, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import pg from 'pg'
import { freePort, start } from './servers.mjs'

const run = promisify(execFile)

/** Returns the server, or null if PostgreSQL is not installed. */
export async function startPostgres() {
  const bin = await programs()
  if (bin === null) return null
  const folder = await mkdtemp(join(tmpdir(), 'nuxtauth-e2e-postgres-'))
  try {
    const user = await unprivileged()
    if (user.uid) await chown(folder, user.uid, user.gid)
    const data = join(folder, 'data')
    await run(join(bin, 'initdb'), ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--no-locale', '--no-sync'], { cwd: folder, ...user })

    const port = await freePort()
    const url = database => `postgres://postgres@127.0.0.1:${port}/${database}?sslmode=disable`
    const settings = ['listen_addresses=127.0.0.1', 'unix_socket_directories=', 'fsync=off', 'shared_buffers=32MB']
    const server = await start(join(bin, 'postgres'), ['-D', data, '-p', String(port), ...settings.flatMap(s => ['-c', s])], {
      user,
      ready: async () => {
        await query(url('postgres'), 'SELECT 1')
        return true
      },
    })
    return {
      /** Creates an empty database and returns its URL. */
      async createDatabase(name) {
        await query(url('postgres'), `CREATE DATABASE ${name}`)
        return url(name)
      },
      async stop() {
        await server.stop()
        await rm(folder, { recursive: true })
      },
    }
  }
  catch (error) {
    await rm(folder, { recursive: true })
    throw error
  }
}

async function query(url, sql) {
  const client = new pg.Client(url)
  await client.connect()
  try {
    await client.query(sql)
  }
  finally {
    await client.end()
  }
}

/** Returns the folder of the programs, which Debian keeps out of PATH. */
async function programs() {
  const inPath = await run('which', ['initdb']).catch(() => null)
  if (inPath) return join(inPath.stdout.trim(), '..')
  const versions = await readdir('/usr/lib/postgresql').catch(() => [])
  return versions.length ? join('/usr/lib/postgresql', versions.sort((a, b) => a - b).at(-1), 'bin') : null
}

/** Returns the user whom the server runs as: it refuses to run as root. */
async function unprivileged() {
  if (process.getuid() !== 0) return {}
  const id = async flag => Number((await run('id', [flag, 'postgres'])).stdout)
  return { uid: await id('-u'), gid: await id('-g') }
}
