// Starts and ends the servers under test. Processes are ended by their handles.
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { access, mkdtemp } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const repository = fileURLToPath(new URL('../..', import.meta.url))
const nextApp = join(repository, 'example/next')
const svelteServer = join(repository, 'example/sveltekit/build/index.js')

const running = new Set()

// The servers end with the test file, even if that is terminated.
process.once('exit', () => running.forEach(child => child.kill('SIGKILL')))
process.once('SIGTERM', () => process.exit(143))
process.once('SIGINT', () => process.exit(130))

/** The secret of the back end and of the Node packages under test. */
export const secret = 'e2e-secret-that-is-long-enough-0123456789abcdef'

let example // the path of the Go example, built once for each test file

/**
 * Builds the Go example and starts it.
 * `origin` is the public URL, with the path of the API if that is not /api/auth; the default is the address of the
 * example.
 */
export async function startExample({ port, origin = `http://localhost:${port}`, env = {} }) {
  example ??= buildExample()
  const { pathname } = new URL(origin)
  const api = pathname === '/' ? undefined : pathname
  return startGo(await example, { port, api, env: { AUTH_URL: origin, ...env } })
}

async function buildExample() {
  const folder = await mkdtemp(join(tmpdir(), 'nuxtauth-e2e-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  return buildGo('example', folder)
}

/** Builds a Go program of the repository into a folder, and returns the path of the program. */
export async function buildGo(program, folder) {
  const binary = join(folder, basename(program))
  await promisify(execFile)('go', ['build', '-o', binary, '.'], { cwd: join(repository, program) })
  return binary
}

/** Starts a Go program that serves the sign-in API at the path `api`. */
export async function startGo(binary, { port, api = '/api/auth', env = {} }) {
  const url = `http://localhost:${port}`
  const server = await start(binary, [], {
    env: { PORT: String(port), AUTH_SECRET: secret, ...env },
    ready: answers(`${url}${api}/session`),
  })
  return { ...server, url }
}

/** Starts the built Nuxt app in `example/<name>` in front of the back end at `backend`. */
export async function startNuxt({ name = 'nuxt', port, backend, env = {} }) {
  const nuxtServer = join(repository, 'example', name, '.output/server/index.mjs')
  await access(nuxtServer).catch(() => {
    throw new Error(`example/${name} is not built: run \`npm ci && npm run build\` there first`)
  })
  const url = `http://localhost:${port}`
  const server = await start(process.execPath, [nuxtServer], {
    env: {
      PORT: String(port),
      HOST: 'localhost',
      NUXT_BACKEND_URL: backend,
      NODE_ENV: 'production',
      ...env,
    },
    ready: answers(url),
  })
  return { ...server, url }
}

/**
 * Starts Vite for the front end in `example/<name>`, with the proxy of its configuration in
 * front of the back end: for the built pages, or with `dev` as the development server.
 */
export async function startVite({ name, port, backend, dev = false }) {
  const folder = join(repository, 'example', name)
  await access(join(folder, 'dist/index.html')).catch(() => {
    throw new Error(`example/${name} is not built: run \`npm ci && npm run build\` there first`)
  })
  const url = `http://localhost:${port}`
  const args = [dev ? 'dev' : 'preview', folder, '--port', String(port), '--host', 'localhost']
  const server = await start(process.execPath, [join(folder, 'node_modules/vite/bin/vite.js'), ...args], {
    env: { BACKEND_URL: backend },
    ready: answers(url),
  })
  return { ...server, url }
}

/** Starts the built Next.js app in front of the back end at `backend`, with its secret. */
export async function startNext({ port, backend }) {
  await access(join(nextApp, '.next/BUILD_ID')).catch(() => {
    throw new Error('example/next is not built: run `npm ci && npm run build` there first')
  })
  const url = `http://localhost:${port}`
  const server = await start(process.execPath, [join(nextApp, 'node_modules/next/dist/bin/next'), 'start', nextApp], {
    env: {
      PORT: String(port),
      HOSTNAME: 'localhost',
      AUTH_SECRET: secret,
      BACKEND_URL: backend,
      NODE_ENV: 'production',
      NEXT_TELEMETRY_DISABLED: '1',
    },
    ready: answers(url),
  })
  return { ...server, url }
}

/** Starts the built SvelteKit app in front of the back end at `backend`. */
export async function startSvelteKit({ port, backend }) {
  await access(svelteServer).catch(() => {
    throw new Error('example/sveltekit is not built: run `npm ci && npm run build` there first')
  })
  const url = `http://localhost:${port}`
  const server = await start(process.execPath, [svelteServer], {
    env: { PORT: String(port), HOST: 'localhost', ORIGIN: url, BACKEND_URL: backend, NODE_ENV: 'production' },
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
