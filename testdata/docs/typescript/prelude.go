// Package app is the application of docs/typescript.md: package docblock adds the Go
// blocks of the document, with a test that compares web/types/next-auth.d.ts. The front
// end's blocks are checked against that file by e2e/types.
package app
