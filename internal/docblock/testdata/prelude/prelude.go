// Package prelude declares the identifiers for the documents of the tests.
package prelude

var limit = 10
