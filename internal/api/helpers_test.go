package api_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/provider"
)

// setClientSecretFunc has a provider make its client secret anew for each request.
func setClientSecretFunc(p *provider.Provider, f func(context.Context) (string, error)) {
	p.ClientSecretFunc = f
}

// boom is the value of the panics of an application.
const boom = "a bug of the application"

// panicsInside has the application answer a request with the cookies of the
// browser, during which a function of the application panics. It checks that the
// panic does not leave the middleware, that the answer is neither a 500 nor tells
// of the panic, and that the log has one line with the stack.
// The cookies of the answer go into the browser.
func panicsInside(s *apptest.Site, req *http.Request) (res apptest.Response) {
	s.Helper()
	req.RequestURI = ""
	for _, c := range s.Cookies() {
		req.AddCookie(c)
	}
	rec, logged := httptest.NewRecorder(), len(s.Log.String())
	func() {
		defer func() {
			if v := recover(); v != nil {
				s.Errorf("a panic leaves the middleware: %v; cookies so far: %.200q", v, rec.Header()["Set-Cookie"])
			}
		}()
		s.Router.ServeHTTP(rec, req)
	}()
	res = apptest.Recorded(rec)
	s.Client.Jar.SetCookies(req.URL, res.Cookies())
	if res.StatusCode == http.StatusInternalServerError || strings.Contains(res.Text, "goroutine ") || strings.Contains(res.Text, boom) {
		s.Errorf("the answer is %d %.200s", res.StatusCode, res.Text)
	}
	oneStack(s.T, s.Log.String()[logged:])
	return res
}

// oneStack checks that a log has one line with a stack, that of a panic with boom.
func oneStack(t *testing.T, log string) {
	t.Helper()
	var found []string
	for line := range strings.Lines(log) {
		if strings.Contains(line, "stack=") {
			found = append(found, line)
		}
	}
	if len(found) != 1 || !strings.Contains(found[0], "level=ERROR") || !strings.Contains(found[0], boom) {
		t.Errorf("the log has %d lines with a stack, want one at the error level: %.300q", len(found), log)
	}
}
