// Compares JSON with the types for it: node values.mjs FOLDER prints what is wrong, as an object with a list for
// each file of the folder. A file declares the interface Session and has an array of values of it. Types that admit
// less than these values are wrong, and so are types that admit more: a member that is optional and never
// left out, null where there is none, a literal that does not occur.
import { readdirSync } from 'node:fs'
import path from 'node:path'
import ts from 'typescript'

const folder = path.resolve(process.argv[2])
const enough = 40 // values from which something that does not occur never will

const files = readdirSync(folder).filter(name => name.endsWith('.ts')).map(name => path.join(folder, name))
const program = ts.createProgram(files, {
  strict: true, exactOptionalPropertyTypes: true, noEmit: true, types: [], lib: ['lib.es5.d.ts'], skipDefaultLibCheck: true,
  module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022,
})
const checker = program.getTypeChecker()
const problems = Object.fromEntries(files.map(file => [path.basename(file), []]))

for (const d of ts.getPreEmitDiagnostics(program)) {
  if (!d.file) throw new Error(ts.flattenDiagnosticMessageText(d.messageText, '\n'))
  const { line } = ts.getLineAndCharacterOfPosition(d.file, d.start)
  problems[path.basename(d.file.fileName)].push(`line ${line + 1}: ${ts.flattenDiagnosticMessageText(d.messageText, '\n')}`)
}

// loose calls report with what a type admits and no value is.
function loose(type, values, where, report) {
  if (values.length < enough || type.flags & (ts.TypeFlags.Unknown | ts.TypeFlags.Any)) return
  if (type.isUnion() && !(type.flags & ts.TypeFlags.Boolean)) {
    for (const part of type.types) {
      if (part.flags & ts.TypeFlags.Null) {
        if (!values.includes(null)) report(`${where} is never null`)
      } else if (part.isLiteral()) {
        if (!values.includes(part.value)) report(`${where} is never ${JSON.stringify(part.value)}`)
      } else {
        loose(part, values.filter(value => value !== null), where, report)
      }
    }
    return
  }
  if (checker.isTupleType(type) || checker.isArrayType(type)) {
    const [element] = checker.getTypeArguments(type)
    if (element) loose(element, values.flat(), `${where}[]`, report)
    return
  }
  if (!(type.flags & ts.TypeFlags.Object)) return
  for (const property of type.getProperties()) {
    const inside = `${where}.${property.name}`
    const present = values.filter(value => Object.hasOwn(value, property.name))
    if (property.flags & ts.SymbolFlags.Optional && present.length === values.length) report(`${inside} is never left out`)
    loose(checker.getTypeOfSymbol(property), present.map(value => value[property.name]), inside, report)
  }
  const index = type.getStringIndexType()
  if (index) loose(index, values.flatMap(value => Object.values(value)), `${where}[key]`, report)
}

for (const file of files) {
  const source = program.getSourceFile(file)
  ts.forEachChild(source, node => {
    if (!ts.isVariableStatement(node)) return
    const [{ initializer, name }] = node.declarationList.declarations
    const [type] = checker.getTypeArguments(checker.getTypeAtLocation(name))
    const report = problem => problems[path.basename(file)].push(problem)
    loose(type, JSON.parse(initializer.getText(source)), 'session', report)
  })
}
console.log(JSON.stringify(problems))
