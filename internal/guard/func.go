package guard

import (
	"context"
	"log/slog"
)

// Func returns f guarded: a call ends its context after [Timeout], and returns a
// panic as an error and logs it, see [Recover]. A nil f stays nil. name says what f
// is in log lines and errors, such as "the JWT callback". A context that a [Context]
// bounds already is handed on.
func Func[P, R any](log *slog.Logger, name string, f func(context.Context, P) (R, error)) func(context.Context, P) (R, error) {
	if f == nil {
		return nil
	}
	return func(ctx context.Context, p P) (r R, err error) {
		defer Recover(ctx, log, name, &err)
		if _, bounded := ctx.(*Context); !bounded {
			var c Context
			c.Start(ctx, Timeout)
			defer c.Stop()
			ctx = &c
		}
		return f(ctx, p)
	}
}

// Check returns f guarded, see [Func].
func Check[P any](log *slog.Logger, name string, f func(context.Context, P) error) func(context.Context, P) error {
	if f == nil {
		return nil
	}
	guarded := Func(log, name, func(ctx context.Context, p P) (struct{}, error) { return struct{}{}, f(ctx, p) })
	return func(ctx context.Context, p P) error {
		_, err := guarded(ctx, p)
		return err
	}
}

// Event returns f guarded, see [Func]. A panic ends the event, and nothing else.
func Event[P any](log *slog.Logger, name string, f func(context.Context, P)) func(context.Context, P) {
	if f == nil {
		return nil
	}
	guarded := Func(log, name, func(ctx context.Context, p P) (struct{}, error) { f(ctx, p); return struct{}{}, nil })
	return func(ctx context.Context, p P) { _, _ = guarded(ctx, p) } // its only error is a panic, which is logged
}
