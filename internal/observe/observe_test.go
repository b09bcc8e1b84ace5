package observe_test

import (
	"context"
	"errors"
	"testing"

	"github.com/nuxtauth/nuxtauth/internal/observe"
)

// work is a function as those that are observed.
func work(ctx context.Context, f observe.Func) (err error) {
	_, end := f.Start(ctx, observe.Operation{Name: observe.Save, Provider: "idp"})
	defer end.Done(&err)
	return errors.ErrUnsupported
}

func TestFunc_NilAllocatesNothing(t *testing.T) {
	ctx := t.Context()
	if n := testing.AllocsPerRun(100, func() { _ = work(ctx, nil) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestFunc_GetsTheError(t *testing.T) {
	var got error
	_ = work(t.Context(), func(ctx context.Context, op observe.Operation) (context.Context, func(error)) {
		if op.Name != observe.Save || op.Provider != "idp" {
			t.Errorf("%+v", op)
		}
		return ctx, func(err error) { got = err }
	})
	if !errors.Is(got, errors.ErrUnsupported) {
		t.Errorf("the error is %v", got)
	}
}
