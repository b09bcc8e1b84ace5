package guard_test

import (
	"errors"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/nuxtauth/nuxtauth/internal/guard"
)

// call runs f as the library runs a function of an application.
func call(f func() error) (err error) {
	defer guard.Recover("the JWT callback", &err)
	return f()
}

func explode(v any) { panic(v) }

func TestRecover_MakesPanicsErrors(t *testing.T) {
	for name, tt := range map[string]struct {
		value any
		want  string
	}{
		"text":         {"oh no", "the JWT callback: panic: oh no"},
		"error":        {io.EOF, "the JWT callback: panic: EOF"},
		"nil":          {nil, "the JWT callback: panic: panic called with nil argument"},
		"aborted HTTP": {http.ErrAbortHandler, "the JWT callback: panic: net/http: abort Handler"},
	} {
		t.Run(name, func(t *testing.T) {
			err := call(func() error {
				explode(tt.value)
				return nil
			})
			p, ok := errors.AsType[*guard.PanicError](err)
			if !ok || p.Error() != tt.want {
				t.Fatalf("got error %v, want a PanicError %q", err, tt.want)
			}
			if p.Func != "the JWT callback" || tt.value != nil && p.Value != tt.value {
				t.Errorf("got %q and %v", p.Func, p.Value)
			}
			if !strings.Contains(string(p.Stack), "guard_test.explode") {
				t.Errorf("the stack does not show the function that panicked:\n%s", p.Stack)
			}
		})
	}
}

func TestRecover_DoesNotWrapTheValue(t *testing.T) {
	if err := call(func() error { panic(io.EOF) }); errors.Is(err, io.EOF) {
		t.Errorf("%v counts as io.EOF", err)
	}
}

func TestRecover_LeavesResultsAlone(t *testing.T) {
	for _, want := range []error{nil, io.EOF} {
		if err := call(func() error { return want }); err != want {
			t.Errorf("got %v, want %v", err, want)
		}
	}
}

func TestRecover_LeavesGoexitAlone(t *testing.T) {
	returned := false
	err := io.EOF
	done := make(chan struct{})
	go func() {
		defer close(done)
		func() {
			defer guard.Recover("f", &err)
			runtime.Goexit()
		}()
		returned = true
	}()
	<-done
	if returned || err != io.EOF {
		t.Errorf("the goroutine went on (%v), with error %v", returned, err)
	}
}
