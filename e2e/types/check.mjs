// Checks the generated declarations with the compiler of TypeScript and the types of the packages that
// they augment, in each way in which front ends resolve modules.
import { readFileSync, readdirSync } from 'node:fs'
import path from 'node:path'
import ts from 'typescript'

const here = import.meta.dirname
const example = path.join(here, '../../example/nuxt')

const resolutions = {
  bundler: { module: ts.ModuleKind.ESNext, moduleResolution: ts.ModuleResolutionKind.Bundler },
  node16: { module: ts.ModuleKind.Node16, moduleResolution: ts.ModuleResolutionKind.Node16 },
  node10: { module: ts.ModuleKind.ESNext, moduleResolution: ts.ModuleResolutionKind.Node10 },
}

const strict = {
  strict: true,
  noEmit: true,
  exactOptionalPropertyTypes: true,
  skipDefaultLibCheck: true,
  target: ts.ScriptTarget.ES2022,
  lib: ['lib.es2022.d.ts', 'lib.dom.d.ts'],
  types: [],
}

// What nuxt-auth writes into .nuxt for its provider local, with this session.dataType.
const { genInterface } = await import(path.join(example, 'node_modules/knitwork/dist/index.mjs'))
const nuxtTypes = `declare module '#auth' {\n${genInterface('SessionData', { id: 'undefined' })}\n}\n`

const nuxtPaths = {
  '@sidebase/nuxt-auth/*': [path.join(example, 'node_modules/@sidebase/nuxt-auth/*')],
}

// packages is the folder whose node_modules are used; modules are what the application imports.
const cases = [
  ...['next-auth-4', 'next-auth-5'].flatMap(folder => ['', 'pnpm/'].map(manager => (
    { folder, packages: manager + folder, modules: ['next-auth', 'next-auth/jwt', 'next-auth/react'] }))),
  ...['', 'pnpm/'].map(manager => (
    { folder: 'auth-core', packages: `${manager}auth-core`, modules: ['@auth/core/types', '@auth/core/jwt', '@auth/sveltekit'] })),
  { folder: 'nameless', packages: 'next-auth-4', only: ['bundler'], checks: false, modules: ['next-auth', 'next-auth/react'] },
  { folder: 'nameless', packages: 'next-auth-5', only: ['bundler'], checks: false, modules: ['next-auth', 'next-auth/react'] },
  { folder: 'nuxt-auth', only: ['bundler'], paths: nuxtPaths },
  { folder: 'next-auth-4', only: ['bundler'], paths: { ...nuxtPaths, 'next-auth': [path.join(here, 'next-auth-4/node_modules/next-auth')] }, client: 'nuxt-auth' },
  { folder: 'nuxt-auth-local', only: ['bundler'], paths: nuxtPaths, files: { 'nuxt.d.ts': nuxtTypes } },
  { folder: 'plain' },
]

const sources = new Map() // of libraries and packages, which many programs share

// compile returns the errors of a program of these files, whose names are those of a folder and whose
// text is given.
function compile(files, options) {
  const host = ts.createCompilerHost(options)
  const { getSourceFile, fileExists, readFile, directoryExists } = host
  host.fileExists = name => files.has(name) || fileExists(name)
  host.readFile = name => files.get(name) ?? readFile(name)
  host.directoryExists = name => directoryExists(name)
  host.getSourceFile = (name, language, ...rest) => {
    if (files.has(name)) return ts.createSourceFile(name, files.get(name), language)
    const key = `${name} ${language.languageVersion ?? language} ${language.impliedNodeFormat}`
    if (!sources.has(key)) sources.set(key, getSourceFile(name, language, ...rest))
    return sources.get(key)
  }
  const program = ts.createProgram([...files.keys()], options, host)
  return ts.getPreEmitDiagnostics(program).map(d => {
    const text = `TS${d.code} ${ts.flattenDiagnosticMessageText(d.messageText, '\n')}`
    if (!d.file) return { where: '', text, own: true }
    const where = `${path.relative(here, d.file.fileName)}:${ts.getLineAndCharacterOfPosition(d.file, d.start).line + 1}`
    return { where, text, own: files.has(d.file.fileName) }
  })
}

// check returns the errors of a case: those in the files of the application, and those in the types of the
// packages that are not there without the generated file.
function check({ folder, packages = folder, client = folder, checks = true, paths, modules, files = {} }, resolution, change = text => text) {
  const options = { ...strict, ...resolutions[resolution], ...(paths && { paths }) }
  const root = path.join(here, packages)
  const text = new Map(Object.entries(files).map(([name, content]) => [path.join(root, name), content]))
  const add = (name, from) => text.set(path.join(root, name), readFileSync(path.join(here, from, name), 'utf8'))
  for (const name of readdirSync(path.join(here, folder))) {
    if (!name.endsWith('.ts')) continue
    add(name, folder)
    if (name.endsWith('.d.ts')) text.set(path.join(root, name), change(text.get(path.join(root, name))))
  }
  add('client.ts', client)
  if (checks) add('checks.ts', '.')

  const errors = compile(text, options)
  const known = new Set()
  if (modules && errors.some(error => !error.own)) {
    const imports = modules.map(module => `import '${module}'\n`).join('')
    for (const { where } of compile(new Map([[path.join(root, 'imports.ts'), imports]]), options)) known.add(where)
  }
  return errors.filter(error => error.own || modules && !known.has(error.where)).map(error => `${error.where}: ${error.text}`)
}

let failures = 0
function fail(what, errors) {
  failures++
  console.error(`not ok - ${what}\n  ${errors.join('\n  ')}`)
}

for (const c of cases) {
  for (const resolution of c.only ?? Object.keys(resolutions)) {
    if (c.packages?.startsWith('pnpm/') && resolution === 'node16') continue // as with npm
    const what = [c.folder, c.packages && `types of ${c.packages}`, c.client && `client of ${c.client}`, resolution].filter(Boolean).join(', ')
    const errors = check(c, resolution)
    if (errors.length > 0) fail(what, errors)
    else console.log(`ok - ${what}`)
  }
}

// The front end's blocks of the document. The first is the file that the test there writes.
const document = readFileSync(path.join(here, '../../docs/typescript.md'), 'utf8')
const [declarations, ...blocks] = [...document.matchAll(/^```ts\n([^]*?)^```$/gm)].map(([, text]) => text)
const documented = new Map([['next-auth.d.ts', declarations], ...blocks.map((text, i) => [`block-${i + 1}.ts`, text])]
  .map(([name, text]) => [path.join(here, 'next-auth-4', name), text]))
const errors = compile(documented, { ...strict, ...resolutions.bundler }).filter(error => error.own)
if (errors.length > 0 || blocks.length === 0) fail('docs/typescript.md', errors.map(error => `${error.where}: ${error.text}`))
else console.log('ok - docs/typescript.md')

// Each of these mistakes in the declarations is refused, or the checks above are worth nothing.
const mistakes = {
  plain: {
    'an enum is a string': text => text.replaceAll("role: 'admin' | 'editor' | 'reader'", 'role: string'),
    'an enum admits the empty string': text => text.replaceAll("role: 'admin'", "role: '' | 'admin'"),
    'a pointer is never null': text => text.replaceAll('manager: typescript_test.Person | null', 'manager: typescript_test.Person'),
    'omitzero is required': text => text.replaceAll('email?:', 'email:'),
    'a name is optional': text => text.replaceAll('name: string', 'name?: string'),
    'a slice may be null': text => text.replaceAll('teams: typescript_test.Team[]', 'teams: typescript_test.Team[] | null'),
    'the user is any': text => text.replace(/user: \{[^]*?\n {2}\}/, 'user: any'),
  },
  nameless: {
    'a user has nothing in common': text => text.replace(/^.*\n.*name\?: never\n/m, ''),
  },
  'next-auth-4': {
    'the module is replaced': text => text.replaceAll(/^import .*\n/gm, '').replaceAll('export namespace', 'declare namespace'),
    'the user extends another': text => text.replace('interface User {', 'interface User extends typescript_test.Person {'),
  },
}
for (const [folder, changes] of Object.entries(mistakes)) {
  const c = cases.find(c => c.folder === folder)
  for (const [what, change] of Object.entries(changes)) {
    if (check(c, 'bundler', change).length === 0) fail(`not refused in ${folder}: ${what}`, [])
    else console.log(`ok - refused in ${folder}: ${what}`)
  }
}
process.exit(failures > 0 ? 1 : 0)
