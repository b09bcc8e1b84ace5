// Package errors has the Go blocks of docs/errors.md, which package docblock adds.
package errors
