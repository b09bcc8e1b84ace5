// Package providers is the application of docs/providers.md: package docblock adds the Go
// blocks of the document.
package providers
