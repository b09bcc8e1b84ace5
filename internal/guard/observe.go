package guard

import (
	"context"
	"log/slog"

	"github.com/nuxtauth/nuxtauth/internal/observe"
)

// Observe returns f guarded: a panic in it, or in the function that it returns, is logged,
// and the operation goes on as if it were not observed. A nil context stands for that of the
// caller. It has no timeout, because the context that f makes of its own is used when f has
// returned. A nil f stays nil.
func Observe(log *slog.Logger, f observe.Func) observe.Func {
	if f == nil {
		return nil
	}
	return func(ctx context.Context, op observe.Operation) (context.Context, func(error)) {
		inner, end := begin(ctx, log, f, op)
		if inner == nil {
			inner = ctx
		}
		if end == nil {
			return inner, nil
		}
		return inner, func(err error) {
			var panicked error // which is logged
			defer Recover(ctx, log, "the end of Config.Observe", &panicked)
			end(err)
		}
	}
}

func begin(ctx context.Context, log *slog.Logger, f observe.Func, op observe.Operation) (inner context.Context, end func(error)) {
	var panicked error // which is logged
	defer Recover(ctx, log, "Config.Observe", &panicked)
	return f(ctx, op)
}
