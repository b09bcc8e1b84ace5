// Package guard bounds and contains the functions of an application that the
// library calls: callbacks, Authorize, Profile, stores. A function that panics
// yields an error, and a function that takes too long sees its context end.
package guard

import (
	"fmt"
	"runtime/debug"
	"time"
)

// Timeout bounds one call of a function of the application.
const Timeout = 10 * time.Second

// A PanicError is a recovered panic. It does not wrap Value, even if that is an
// error: a function that panics with an error has not returned it.
type PanicError struct {
	Func  string // the function that panicked, such as "the JWT callback"
	Value any    // the argument of panic; a *runtime.PanicNilError for nil
	Stack []byte // the stack of the goroutine, as runtime/debug.Stack formats it
}

// Error names the function and the panic's value. The stack is not part of it.
func (e *PanicError) Error() string {
	return fmt.Sprintf("%s: panic: %v", e.Func, e.Value)
}

// Recover turns a panic into a *[PanicError] in *err, and leaves *err alone if
// there is none. It must be deferred directly by the function that calls the
// application:
//
//	defer guard.Recover("the JWT callback", &err)
//
// It recovers [net/http.ErrAbortHandler] too. runtime.Goexit is no panic and
// goes on.
func Recover(name string, err *error) {
	if v := recover(); v != nil {
		*err = &PanicError{Func: name, Value: v, Stack: debug.Stack()}
	}
}
