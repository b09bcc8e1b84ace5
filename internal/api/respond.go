package api

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/nuxtauth/nuxtauth/internal/cookie"
	"github.com/nuxtauth/nuxtauth/internal/guard"
	"github.com/nuxtauth/nuxtauth/provider"
)

// noExpiry is the end of a cookie that lives as long as the browser runs.
var noExpiry time.Time

// buffers are for JSON; of *bytes.Buffer.
var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// noStore keeps an answer out of caches. The four values share one array, and
// the names are canonical.
func noStore(h http.Header) {
	v := []string{"private, no-cache, no-store", "no-cache", "0", "nosniff"}
	h["Cache-Control"], h["Pragma"], h["Expires"], h["X-Content-Type-Options"] = v[0:1:1], v[1:2:2], v[2:3:3], v[3:4:4]
}

// cors lets the front ends of the trusted origins call the API with their
// cookies, and answers their preflights. Other origins get no header.
func (x *Exchange) cors() (done bool) {
	from := x.r.Header.Get("Origin")
	if from == "" || from == x.at.Origin || !x.site.Trusted(x.at.Base, from) {
		return false
	}
	x.h.Set("Access-Control-Allow-Origin", from)
	x.h.Set("Access-Control-Allow-Credentials", "true")
	x.h.Add("Vary", "Origin")
	if x.r.Method != http.MethodOptions || x.r.Header.Get("Access-Control-Request-Method") == "" {
		return false
	}
	x.h.Set("Access-Control-Allow-Methods", "GET, POST")
	x.h.Set("Access-Control-Allow-Headers", "Content-Type, X-Auth-Return-Redirect")
	x.h.Set("Access-Control-Max-Age", "600")
	x.w.WriteHeader(http.StatusNoContent)
	return true
}

func (x *Exchange) json(status int, v any) {
	b, err := json.Marshal(v, json.Deterministic(true), jsontext.AllowInvalidUTF8(true))
	if err != nil { // only the library's own types come here
		panic(err)
	}
	x.data(status, b)
}

// data answers with JSON. The type is without a charset, as in Auth.js.
func (x *Exchange) data(status int, b []byte) {
	x.h["Content-Type"] = []string{"application/json"}
	x.w.WriteHeader(status)
	x.write(b)
}

func (x *Exchange) write(b []byte) {
	if _, err := x.w.Write(b); err != nil {
		x.log.DebugContext(x.r.Context(), "nuxtauth: a client left before its answer", "error", err)
	}
}

// signedOut answers a request for session data without a session.
func (x *Exchange) signedOut(status int) { x.data(status, []byte(x.protocol.signedOutJSON())) }

func (x *Exchange) message(status int, text string) {
	x.json(status, map[string]string{"message": text})
}

// asJSON reports whether the client follows redirects by itself.
func (x *Exchange) asJSON() bool {
	return x.body.json || x.r.Header.Get("X-Auth-Return-Redirect") != ""
}

// redirect leads the browser on, or tells the client where it leads. Status is
// that of the answer to a client of next-auth v4; v5 always gets 200.
func (x *Exchange) redirect(status int, to string) {
	if !x.asJSON() {
		x.h.Set("Location", to)
		x.w.WriteHeader(http.StatusFound)
		return
	}
	if strings.HasPrefix(to, "/") {
		to = x.at.Origin + to // clients parse it as an absolute URL
	}
	x.protocol.redirectJSON(x, status, to)
}

// absolute is the application's own page, or the built-in one.
func (x *Exchange) absolute(custom, action string) string {
	switch {
	case custom == "":
		return x.at.URL(action)
	case strings.HasPrefix(custom, "/"):
		return x.at.Origin + custom
	}
	return custom
}

// fail ends a sign-in with an error: its own code, or the given one. The cause
// goes to the log.
func (x *Exchange) fail(err error, code string, status int) {
	if own, ok := errors.AsType[*provider.Error](err); ok && own.Code != "" {
		code = own.Code
	}
	x.logFailure(err, code)
	x.protocol.fail(x, code, status)
}

// logFailure logs once why a sign-in was refused.
func (x *Exchange) logFailure(err error, code string) {
	if _, ok := errors.AsType[*provider.Error](err); ok {
		guard.Log(x.r.Context(), x.log, slog.LevelWarn, "nuxtauth: a sign-in was refused", err, "provider", x.id, "code", code)
		return
	}
	x.report(x.r.Context(), "a sign-in with "+x.id, err)
}

// withQuery appends a parameter to a URL.
func withQuery(to, key, value string) string {
	sep := "?"
	if strings.Contains(to, "?") {
		sep = "&"
	}
	return to + sep + key + "=" + cookie.EncodeURIComponent(value)
}

// WantsPage tells a browser that opens a page from a program that calls an API.
func WantsPage(r *http.Request) bool {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	if mode := r.Header.Get("Sec-Fetch-Mode"); mode != "" {
		return mode == "navigate"
	}
	return strings.Contains(r.Header.Get("Accept"), "text/html")
}

// refuse answers a program.
func refuse(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	b, err := json.Marshal(map[string]string{"message": message})
	if err != nil { // a fixed text
		panic(err)
	}
	w.WriteHeader(status)
	_, _ = w.Write(b) // the client may have left
}
