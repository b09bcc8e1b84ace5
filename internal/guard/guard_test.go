package guard_test

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/nuxtauth/nuxtauth/internal/guard"
)

// newLog returns a logger and what it writes.
func newLog() (*slog.Logger, *bytes.Buffer) {
	b := new(bytes.Buffer)
	return slog.New(slog.NewTextHandler(b, nil)), b
}

// recovered runs f as the library runs a function of an application.
func recovered(t *testing.T, log *slog.Logger, f func() error) (err error) {
	defer guard.Recover(t.Context(), log, "the JWT callback", &err)
	return f()
}

func explode(v any) { panic(v) }

func TestRecover_MakesPanicsErrors(t *testing.T) {
	for name, tt := range map[string]struct {
		value any
		want  string
	}{
		"text":         {"oh no", "oh no"},
		"error":        {io.EOF, "EOF"},
		"nil":          {nil, "panic called with nil argument"},
		"aborted HTTP": {http.ErrAbortHandler, "net/http: abort Handler"},
	} {
		t.Run(name, func(t *testing.T) {
			log, lines := newLog()
			err := recovered(t, log, func() error {
				explode(tt.value)
				return nil
			})
			if err == nil || !strings.HasPrefix(err.Error(), "the JWT callback: panic: "+tt.want) {
				t.Errorf("got error %v", err)
			}
			for _, want := range []string{"level=ERROR", `msg="nuxtauth: a function panicked" function="the JWT callback"`, tt.want, "guard_test.explode"} {
				if !strings.Contains(lines.String(), want) {
					t.Errorf("the log does not have %q: %s", want, lines)
				}
			}
			if n := strings.Count(lines.String(), "\n"); n != 1 {
				t.Errorf("the log has %d lines", n)
			}
		})
	}
}

func TestRecover_DoesNotWrapTheValue(t *testing.T) {
	log, _ := newLog()
	if err := recovered(t, log, func() error { panic(io.EOF) }); errors.Is(err, io.EOF) {
		t.Errorf("%v counts as io.EOF", err)
	}
}

func TestRecover_LeavesResultsAlone(t *testing.T) {
	log, lines := newLog()
	for _, want := range []error{nil, io.EOF} {
		if err := recovered(t, log, func() error { return want }); err != want {
			t.Errorf("got %v, want %v", err, want)
		}
	}
	if lines.Len() > 0 {
		t.Errorf("the log has %s", lines)
	}
}

func TestRecover_LeavesGoexitAlone(t *testing.T) {
	log, lines := newLog()
	returned := false
	err := io.EOF
	done := make(chan struct{})
	go func() {
		defer close(done)
		func() {
			defer guard.Recover(t.Context(), log, "f", &err)
			runtime.Goexit()
		}()
		returned = true
	}()
	<-done
	if returned || err != io.EOF || lines.Len() > 0 {
		t.Errorf("the goroutine went on (%v), with error %v and the log %s", returned, err, lines)
	}
}

type panickingBody struct{}

func (panickingBody) Read([]byte) (int, error) { panic("a bug of the transport") }
func (panickingBody) Close() error             { panic("a bug of the transport") }

type transportFunc func(*http.Request) (*http.Response, error)

func (f transportFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestClient_PanicOfTransportIsError(t *testing.T) {
	for name, transport := range map[string]transportFunc{
		"request": func(*http.Request) (*http.Response, error) { panic("a bug of the transport") },
		"body": func(r *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: http.StatusOK, Body: panickingBody{}, Request: r}, nil
		},
	} {
		log, lines := newLog()
		res, err := guard.Client(log, &http.Client{Transport: transport}).Get("http://localhost/")
		if err == nil {
			_, err = io.ReadAll(res.Body)
			if res.Body.Close() == nil {
				t.Errorf("%s: Close returns no error", name)
			}
		}
		if err == nil || !strings.Contains(lines.String(), "a bug of the transport") || !strings.Contains(lines.String(), "stack=") {
			t.Errorf("%s: error %v, log %s", name, err, lines)
		}
	}
}
