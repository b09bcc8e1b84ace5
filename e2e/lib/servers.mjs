// Starts and ends the servers under test. Processes are ended by their handles.
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { access, mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const repository = fileURLToPath(new URL('../..', import.meta.url))
const nuxtServer = join(repository, 'example/nuxt/.output/server/index.mjs')

const running = new Set()

// The servers end with the test file, even if that is terminated.
process.once('exit', () => running.forEach(child => child.kill('SIGKILL')))
process.once('SIGTERM', () => process.exit(143))
process.once('SIGINT', () => process.exit(130))

/** The secret of the back end and of the Node packages under test. */
export const secret = 'e2e-secret-that-is-long-enough-0123456789abcdef'

/**
 * Builds the Go example and starts it.
 * `origin` is the public URL; the default is the address of the example.
 */
export async function startExample({ port, origin = `http://localhost:${port}`, env = {} }) {
  const folder = await mkdtemp(join(tmpdir(), 'nuxtauth-e2e-'))
  try {
    const binary = await buildGo('example', folder)
    return await startGo(binary, { port, env: { AUTH_URL: origin, ...env } })
  }
  finally {
    await rm(folder, { recursive: true }) // the running process does not need the file
  }
}

/** Builds a Go program of the repository into a folder, and returns the path of the program. */
export async function buildGo(program, folder) {
  const binary = join(folder, basename(program))
  await promisify(execFile)('go', ['build', '-o', binary, '.'], { cwd: join(repository, program) })
  return binary
}

/** Starts a Go program that serves the sign-in API. */
export async function startGo(binary, { port, env = {} }) {
  const url = `http://localhost:${port}`
  const server = await start(binary, [], {
    env: { PORT: String(port), AUTH_SECRET: secret, ...env },
    ready: answers(`${url}/api/auth/session`),
  })
  return { ...server, url }
}

/** Starts the built Nuxt app in front of the back end at `backend`. */
export async function startNuxt({ port, backend }) {
  await access(nuxtServer).catch(() => {
    throw new Error('example/nuxt is not built: run `npm ci && npm run build` there first')
  })
  const url = `http://localhost:${port}`
  const server = await start(process.execPath, [nuxtServer], {
    env: {
      PORT: String(port),
      HOST: 'localhost',
      AUTH_ORIGIN: `${url}/api/auth`,
      NUXT_BACKEND_URL: backend,
      NODE_ENV: 'production',
    },
    ready: answers(url),
  })
  return { ...server, url }
}

/** Returns a free loopback port. */
export async function freePort() {
  const probe = createServer().listen(0, 'localhost')
  await once(probe, 'listening')
  const { port } = probe.address()
  probe.close()
  await once(probe, 'close')
  return port
}

const answers = url => async () => (await fetch(url, { redirect: 'manual' })).ok

/**
 * Starts a program and waits until `ready` returns true; an error means not yet.
 * `user` has the uid and gid it runs as.
 */
export async function start(command, args, { env = {}, ready, user = {} }) {
  const child = spawn(command, args, { cwd: tmpdir(), env: { ...process.env, ...env }, ...user })
  running.add(child)
  child.once('close', () => running.delete(child))

  let output = ''
  child.stdout.on('data', chunk => { output += chunk })
  child.stderr.on('data', chunk => { output += chunk })
  let failure
  child.once('error', (error) => { failure = error })

  const stop = async () => {
    if (!running.has(child)) return
    const closed = once(child, 'close')
    child.kill('SIGTERM')
    const timeout = setTimeout(() => child.kill('SIGKILL'), 5_000)
    await closed
    clearTimeout(timeout)
  }

  const deadline = Date.now() + 30_000
  for (;;) {
    if (await ready().catch(() => false)) return { stop, output: () => output }
    if (failure || child.exitCode !== null || Date.now() > deadline) {
      await stop()
      throw new Error(`${command} did not start: ${failure?.message ?? ''}\n${output}`)
    }
    await sleep(100)
  }
}
