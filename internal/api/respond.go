package api

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/nuxtauth/nuxtauth/internal/cookie"
	"github.com/nuxtauth/nuxtauth/provider"
)

// noExpiry is the end of a cookie that lives as long as the browser runs.
var noExpiry time.Time

// noStore keeps an answer out of caches. The four values share one array, and
// the names are canonical.
func noStore(h http.Header) {
	v := []string{"private, no-cache, no-store", "no-cache", "0", "nosniff"}
	h["Cache-Control"], h["Pragma"], h["Expires"], h["X-Content-Type-Options"] = v[0:1:1], v[1:2:2], v[2:3:3], v[3:4:4]
}

func (c *Call) json(status int, v any) { c.data(status, marshal(v)) }

// marshal returns the JSON of a type of the library, which can't fail.
func marshal(v any) []byte {
	b, err := json.Marshal(v, json.Deterministic(true), jsontext.AllowInvalidUTF8(true))
	if err != nil {
		panic(err)
	}
	return b
}

// data answers with JSON.
func (c *Call) data(status int, b []byte) {
	jsonHeader(c.w, status)
	c.write(b)
}

// jsonHeader begins an answer in JSON. The type is without a charset, as in Auth.js.
func jsonHeader(w http.ResponseWriter, status int) {
	w.Header()["Content-Type"] = []string{"application/json"}
	w.WriteHeader(status)
}

func (c *Call) write(b []byte) {
	if _, err := c.w.Write(b); err != nil {
		c.cfg.Log.DebugContext(c.r.Context(), "nuxtauth: a client left before its answer", "error", err)
	}
}

// writeMessage answers a program with a text, in JSON.
func writeMessage(w http.ResponseWriter, status int, text string) {
	jsonHeader(w, status)
	_, _ = w.Write(marshal(map[string]string{"message": text})) // the client may have left
}

// asJSON reports whether the client follows redirects by itself.
func (c *Call) asJSON() bool {
	return c.body.json || c.r.Header.Get("X-Auth-Return-Redirect") != ""
}

// redirect redirects the browser, or answers a client that follows redirects by itself
// with the URL. Status is that of the answer to such a client of next-auth v4; v5
// always gets 200.
func (c *Call) redirect(status int, to string) {
	if !c.asJSON() {
		c.h.Set("Location", to)
		c.w.WriteHeader(http.StatusFound)
		return
	}
	if strings.HasPrefix(to, "/") {
		to = c.base.Origin + to // clients parse it as an absolute URL
	}
	c.cfg.Protocol.redirectJSON(c, status, to)
}

// absolute is the application's own page, or the built-in one.
func (c *Call) absolute(custom, action string) string {
	switch {
	case custom == "":
		return c.base.URL(action)
	case strings.HasPrefix(custom, "/"):
		return c.base.Origin + custom
	}
	return custom
}

// fail ends a sign-in with an error: with the code of an [*provider.Error], or else
// with the given one. The cause goes to the log.
func (c *Call) fail(err error, code string, status int) {
	if own, ok := errors.AsType[*provider.Error](err); ok && own.Code != "" {
		code = own.Code
	}
	c.logFailure(err, code)
	c.cfg.Protocol.fail(c, code, status)
}

// withQuery appends a parameter to a URL.
func withQuery(to, key, value string) string {
	return appendQuery(to, key+"="+cookie.EncodeURIComponent(value))
}

// appendQuery appends a query, which is encoded, to a URL that may have one.
func appendQuery(to, query string) string {
	if query == "" {
		return to
	}
	if strings.Contains(to, "?") {
		return to + "&" + query
	}
	return to + "?" + query
}
