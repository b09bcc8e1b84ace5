package guard

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
)

// Func returns f guarded: a call ends its context after [Timeout] and returns a
// panic as an error. A nil f stays nil. name says what f is in errors, such as
// "the JWT callback". A context that a [Context] bounds already is handed on.
func Func[P, R any](name string, f func(context.Context, P) (R, error)) func(context.Context, P) (R, error) {
	if f == nil {
		return nil
	}
	return func(ctx context.Context, p P) (r R, err error) {
		defer Recover(name, &err)
		if _, bounded := ctx.(*Context); !bounded {
			var c Context
			c.Start(ctx, Timeout)
			defer c.Stop()
			ctx = &c
		}
		return f(ctx, p)
	}
}

// Event returns f guarded, see [Func]. The error is that of a panic.
func Event[P any](name string, f func(context.Context, P)) func(context.Context, P) error {
	if f == nil {
		return nil
	}
	guarded := Func(name, func(ctx context.Context, p P) (struct{}, error) { f(ctx, p); return struct{}{}, nil })
	return func(ctx context.Context, p P) error {
		_, err := guarded(ctx, p)
		return err
	}
}

// Check returns f guarded, see [Func].
func Check[P any](name string, f func(context.Context, P) error) func(context.Context, P) error {
	if f == nil {
		return nil
	}
	guarded := Func(name, func(ctx context.Context, p P) (struct{}, error) { return struct{}{}, f(ctx, p) })
	return func(ctx context.Context, p P) error {
		_, err := guarded(ctx, p)
		return err
	}
}

type transport struct{ inner http.RoundTripper }

func (t transport) RoundTrip(r *http.Request) (res *http.Response, err error) {
	defer Recover("the transport of HTTPClient", &err)
	return t.inner.RoundTrip(r)
}

// Report logs an error of a function of the application, or of the library on its
// behalf. what says what failed, such as "the JWT callback". A nil err logs nothing.
func Report(ctx context.Context, log *slog.Logger, what string, err error) {
	if err == nil {
		return
	}
	verb := " failed"
	if _, ok := errors.AsType[*PanicError](err); ok {
		verb = " panicked"
	}
	Log(ctx, log, slog.LevelWarn, "nuxtauth: "+what+verb, err)
}

// Log logs an error with a level and further attributes. If the error is a panic,
// which is a bug, the level is that of errors, and the stack is an attribute.
func Log(ctx context.Context, log *slog.Logger, level slog.Level, message string, err error, attrs ...any) {
	attrs = append(attrs, "error", err)
	if p, ok := errors.AsType[*PanicError](err); ok {
		level, attrs = slog.LevelError, append(attrs, "stack", string(p.Stack))
	}
	log.Log(ctx, level, message, attrs...)
}
