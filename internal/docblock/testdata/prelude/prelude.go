// Package prelude is what the documents of the tests take for granted.
package prelude

var limit = 10
