package cli_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
)

func TestDoctor(t *testing.T) {
	refused := process{}.run(t, "doctor", "http://127.0.0.1:1", "-timeout", "1m")
	refused.check(t, 1, "fail  API: no server listens at 127.0.0.1:1\n      Start the server, and check its port.\n\n0 ok, 0 warn, 1 fail\n", "")
	asJSON := process{}.run(t, "doctor", "-json", "http://127.0.0.1:1")
	var all []struct{ Status, Check, Text, Fix string }
	if err := json.Unmarshal([]byte(asJSON.stdout), &all); err != nil || asJSON.status != 1 || len(all) != 1 || all[0].Status != "fail" || all[0].Check != "API" || all[0].Text == "" || all[0].Fix == "" {
		t.Errorf("got %+v: %v", asJSON, err)
	}
}

// A sound server: each line is ok, and has nothing to do below it.
func TestDoctor_Sound(t *testing.T) {
	r := gin.New()
	r.Use(newAuth(t, nil).Middleware())
	date := func(w http.ResponseWriter) { w.Header().Set("Date", time.Now().UTC().Format(http.TimeFormat)) }
	p := process{transport: handled(func(w http.ResponseWriter, req *http.Request) { date(w); r.ServeHTTP(w, req) })}
	got := p.run(t, "doctor", "http://localhost:3000")
	got.check(t, 0, "ok    https: it is not needed on this machine\n", "")
	if !strings.HasSuffix(got.stdout, " ok, 1 warn, 0 fail\n") || strings.Count(got.stdout, "\n      ") != 1 {
		t.Errorf("got\n%s", got.stdout)
	}
	p.run(t, "doctor", "-json", "-timeout", "1m", "http://localhost:3000").check(t, 0, `"status": "ok"`, "")
	p.run(t, "doctor", "http://localhost:3000", "-issuer", "x").check(t, 2, "", `the issuer "x" is no https address`)
}

// What a server answers can't change what the terminal shows.
func TestDoctor_Escapes(t *testing.T) {
	r := process{transport: roundTrip(func(r *http.Request) string { return `{"a\u001b[31m\nok    all":{"id":"b"}}` })}.run(t, "doctor", "http://localhost:3000")
	r.check(t, 1, "fail  API: ", "")
	if strings.Contains(r.stdout, "\x1b") || strings.Contains(r.stdout, "\nok    all") {
		t.Errorf("got %q", r.stdout)
	}
}
