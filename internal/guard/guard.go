// Package guard bounds and contains the functions of an application that the
// library calls: callbacks, Authorize, Profile, stores. A function that panics
// yields an error, and its stack is logged; a function that takes too long sees its
// context end; a result that breaks a contract is an error.
package guard

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"
)

// Timeout bounds one call of a function of the application.
const Timeout = 10 * time.Second

// Recover turns a panic into an error in *err and logs it with its stack, at the
// error level. It leaves *err alone if there is none. It must be deferred directly
// by the function that calls the application:
//
//	defer guard.Recover(ctx, log, "the JWT callback", &err)
//
// The error has the text of the panic's value and does not wrap it, even if that is
// an error: a function that panics with an error has not returned it. Recover
// recovers [net/http.ErrAbortHandler] too. runtime.Goexit is no panic and goes on.
func Recover(ctx context.Context, log *slog.Logger, name string, err *error) {
	if v := recover(); v != nil {
		log.ErrorContext(ctx, "nuxtauth: a function panicked", "function", name, "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
		*err = fmt.Errorf("%s: panic: %v", name, v)
	}
}
