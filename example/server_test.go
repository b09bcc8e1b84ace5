package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/nuxtauth/nuxtauth"
)

func TestSettings_Environment(t *testing.T) {
	env := map[string]string{}
	getenv := func(name string) string { return env[name] }
	s, err := readSettings(getenv)
	if err != nil {
		t.Fatal(err)
	}
	if s.listen != "localhost:3000" || s.url != "http://localhost:3000" || s.api != "http://localhost:3000/api/auth" || s.protocol != nuxtauth.NextAuth ||
		s.federatedLogout || !s.storage.inCookies() {
		t.Errorf("default settings %+v", s)
	}
	if again, _ := readSettings(getenv); !s.randomSecret || len(s.secret) < 32 || again.secret == s.secret {
		t.Error("without AUTH_SECRET the secret is not random")
	}

	env = map[string]string{
		"PORT": "8080", "HOST": "0.0.0.0", "AUTH_URL": "https://app.example.com/auth/", "AUTH_PROTOCOL": "authjs", "AUTH_SECRET": testSecret,
		"AUTH_FEDERATED_LOGOUT": "1", "RATE_LIMIT": "7", "SESSIONS": "memory",
		"AUTH_TRUSTED_ORIGINS": "http://localhost:8000, https://www.example.com",
	}
	s, err = readSettings(getenv)
	if err != nil {
		t.Fatal(err)
	}
	if s.listen != "0.0.0.0:8080" || s.origin != "http://localhost:8080" || s.site != "https://app.example.com" ||
		s.api != "https://app.example.com/auth" || s.protocol != nuxtauth.AuthJS || s.secret != testSecret || s.randomSecret ||
		!s.federatedLogout || s.rateLimit != 7 || !s.storage.memory || !slices.Equal(s.trusted, []string{"http://localhost:8000", "https://www.example.com"}) {
		t.Errorf("settings %+v", s)
	}
}

func TestSettings_Invalid(t *testing.T) {
	for name, value := range map[string]string{
		"PORT": "http", "AUTH_URL": "localhost:3000", "AUTH_PROTOCOL": "oauth", "AUTH_FEDERATED_LOGOUT": "yes", "RATE_LIMIT": "none", "SESSIONS": "disk",
	} {
		_, err := readSettings(func(n string) string {
			if n == name {
				return value
			}
			return ""
		})
		if err == nil || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), value) {
			t.Errorf("%s=%s: error %v", name, value, err)
		}
	}
}

func TestInstructions_Accounts(t *testing.T) {
	var out strings.Builder
	printInstructions(&out, settings{origin: "http://localhost:3000", site: "http://localhost:5000", randomSecret: true})
	for _, want := range []string{"http://localhost:3000", "http://localhost:5000", "ada", "lovelace", "grace", "hopper", "alan", "turing", "AUTH_SECRET is not set"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in:\n%s", want, out.String())
		}
	}
}

func TestServe_CompletesActiveRequests(t *testing.T) {
	listener, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	stopped := make(chan error, 1)
	go func() {
		stopped <- serve(ctx, listener, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			stop()
			for { // until the listener is closed
				conn, err := net.Dial("tcp", listener.Addr().String())
				if err != nil {
					break
				}
				conn.Close()
			}
			io.WriteString(w, "done")
		}))
	}()
	res, err := http.Get("http://" + listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if body, err := io.ReadAll(res.Body); err != nil || string(body) != "done" {
		t.Errorf("response %q: %v", body, err)
	}
	if err := <-stopped; err != nil {
		t.Errorf("serve: %v", err)
	}
}
