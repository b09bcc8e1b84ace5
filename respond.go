package nuxtauth

import (
	"errors"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/nuxtauth/nuxtauth/internal/cookie"
)

const maxBody = 64 << 10

// A body is what a POST brings, from a form or from JSON.
type body struct {
	form url.Values
	data jsontext.Value // the member "data" of a session update
	json bool           // the client wants {"url": …} in place of a redirect
}

func (b body) get(key string) string { return b.form.Get(key) }

// credentials are the fields of the form that are not the protocol's own.
func (b body) credentials() url.Values {
	form := make(url.Values, len(b.form))
	for key, values := range b.form {
		switch key {
		case "csrfToken", "callbackUrl", "json":
		default:
			form[key] = values
		}
	}
	return form
}

// readBody reads the body of a POST, never the query. A type that is neither
// form nor JSON counts as an empty body.
func readBody(w http.ResponseWriter, r *http.Request) (body, error) {
	var b body
	if r.Method != http.MethodPost || r.Body == nil {
		return b, nil
	}
	b.form = url.Values{}
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	contentType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return b, nil
	}
	switch contentType {
	case "application/x-www-form-urlencoded":
		if err := r.ParseForm(); err != nil {
			return b, err
		}
		b.form = r.PostForm
		if data := b.form.Get("data"); data != "" {
			b.data, err = json.Marshal(data)
		}
		b.json = truthy(b.form.Get("json"))
	case "application/json":
		var members map[string]jsontext.Value
		if err := json.UnmarshalRead(r.Body, &members); err != nil {
			return b, err
		}
		b.data = members["data"]
		for key, v := range members {
			switch v.Kind() {
			case '"':
				var s string
				if err := json.Unmarshal(v, &s); err != nil {
					return b, err
				}
				b.form.Set(key, s)
			case '0', 't', 'f':
				b.form.Set(key, string(v))
			}
		}
		b.json = truthy(b.form.Get("json"))
	}
	return b, err
}

// truthy is JavaScript's idea of a flag: next-auth's clients send "true", and
// nuxt-auth takes any value for it.
func truthy(s string) bool { return s != "" && s != "false" && s != "0" }

// noStore keeps an answer out of caches. The four values share one array, and
// the names are canonical.
func noStore(h http.Header) {
	v := []string{"private, no-cache, no-store", "no-cache", "0", "nosniff"}
	h["Cache-Control"], h["Pragma"], h["Expires"], h["X-Content-Type-Options"] = v[0:1:1], v[1:2:2], v[2:3:3], v[3:4:4]
}

// cors lets the front ends of the trusted origins call the API with their
// cookies, and answers their preflights. Nobody else gets a header.
func (x *exchange[T, S]) cors() (done bool) {
	from := x.r.Header.Get("Origin")
	if from == "" || from == x.base.Origin || !x.site.Trusted(x.base, from) {
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
	x.c.Status(http.StatusNoContent)
	x.c.Writer.WriteHeaderNow()
	return true
}

// setCookie sets a cookie that lives as long as the browser runs.
func (x *exchange[T, S]) setCookie(c cookie.Cookie, value string) bool {
	err := c.Set(x.h, value, time.Time{})
	if err != nil {
		x.log.DebugContext(x.r.Context(), "nuxtauth: a cookie was not set", "cookie", c.Name, "error", err)
	}
	return err == nil
}

func (x *exchange[T, S]) json(status int, v any) {
	b, err := json.Marshal(v, json.Deterministic(true), jsontext.AllowInvalidUTF8(true))
	if err != nil { // only our own types come here
		panic(err)
	}
	x.data(status, b)
}

// data answers with JSON. The type is without a charset, as in Auth.js.
func (x *exchange[T, S]) data(status int, b []byte) {
	x.h["Content-Type"] = []string{"application/json"}
	x.c.Status(status)
	if _, err := x.c.Writer.Write(b); err != nil {
		x.log.DebugContext(x.r.Context(), "nuxtauth: a client left before its answer", "error", err)
	}
}

// empty is the session of somebody who is signed out.
func (x *exchange[T, S]) empty(status int) {
	if x.protocol == AuthJS {
		x.data(status, []byte("null"))
		return
	}
	x.data(status, []byte("{}"))
}

func (x *exchange[T, S]) message(status int, text string) {
	x.json(status, map[string]string{"message": text})
}

// badRequest answers what is no action of the API.
func (x *exchange[T, S]) badRequest() {
	if x.protocol == AuthJS {
		x.json(http.StatusBadRequest, "Bad request.")
		return
	}
	x.c.Data(http.StatusBadRequest, "text/plain; charset=utf-8", []byte("This is no action of the sign-in API.\n"))
}

// asJSON tells that the client follows redirects by itself.
func (x *exchange[T, S]) asJSON() bool {
	return x.body.json || x.r.Header.Get("X-Auth-Return-Redirect") != ""
}

// redirect leads the browser on, or tells the client where it leads. Status is
// that of the answer to a client of next-auth v4; v5 always gets 200.
func (x *exchange[T, S]) redirect(status int, to string) {
	if !x.asJSON() {
		x.h.Set("Location", to)
		x.c.Status(http.StatusFound)
		x.c.Writer.WriteHeaderNow()
		return
	}
	if strings.HasPrefix(to, "/") {
		to = x.base.Origin + to // clients parse it as an absolute URL
	}
	if x.protocol == AuthJS {
		x.h.Set("Location", to)
		status = http.StatusOK
	}
	x.json(status, map[string]string{"url": to})
}

// unverified answers a POST that does not show the CSRF token.
func (x *exchange[T, S]) unverified(action string) {
	if x.protocol == AuthJS {
		x.fail("MissingCSRF", http.StatusOK)
		return
	}
	x.redirect(http.StatusOK, x.base.URL(action)+"?csrf=true")
}

func (x *exchange[T, S]) wrongCredentials(id string) {
	if x.protocol == AuthJS {
		x.failCredentials("credentials")
		return
	}
	x.redirect(http.StatusUnauthorized, x.base.URL("error")+"?error=CredentialsSignin&provider="+escape(id))
}

// failCredentials is a refusal in the words of Auth.js v5, which gives the
// application's own code a parameter of its own.
func (x *exchange[T, S]) failCredentials(code string) {
	x.unprepare()
	to := withQuery(x.absolute(x.own.SignIn, "signin"), "error", "CredentialsSignin")
	x.redirect(http.StatusOK, withQuery(to, "code", code))
}

// fail ends the exchange with a code that the browser may know.
func (x *exchange[T, S]) fail(code string, status int) {
	if x.protocol == NextAuth {
		x.redirect(status, withQuery(x.base.URL("error"), "error", code))
		return
	}
	x.unprepare()
	code = x.codeOfV5(code)
	to := x.absolute(x.own.Error, "error")
	if onSignInPage[code] {
		to = x.absolute(x.own.SignIn, "signin")
	}
	x.redirect(http.StatusOK, withQuery(to, "error", code))
}

// absolute is the application's own page, or the built-in one.
func (x *exchange[T, S]) absolute(own, action string) string {
	switch {
	case own == "":
		return x.base.URL(action)
	case strings.HasPrefix(own, "/"):
		return x.base.Origin + own
	}
	return own
}

// backToSignIn are the codes that next-auth v4 shows on the sign-in page.
var backToSignIn = map[string]bool{
	"Signin": true, "OAuthSignin": true, "OAuthCallback": true, "OAuthCreateAccount": true, "EmailCreateAccount": true,
	"Callback": true, "OAuthAccountNotLinked": true, "EmailSignin": true, "CredentialsSignin": true, "SessionRequired": true,
}

// onSignInPage are the codes that Auth.js v5 shows on the sign-in page.
var onSignInPage = map[string]bool{
	"CredentialsSignin": true, "OAuthAccountNotLinked": true, "OAuthCallbackError": true, "MissingCSRF": true,
	"AccountNotLinked": true, "OAuthSignInError": true, "EmailSignInError": true,
}

// codeOfV5 translates a code of next-auth v4.
func (x *exchange[T, S]) codeOfV5(code string) string {
	switch {
	case code == "OAuthSignin":
		return "OAuthSignInError"
	case code == "OAuthCallback", code == "Callback" && x.flows[x.provider] != nil:
		return "OAuthCallbackError"
	case code == "Callback":
		return "Configuration"
	}
	return code
}

// logRefusal says once why somebody did not get in.
func (x *exchange[T, S]) logRefusal(err error, code string) {
	ctx := x.r.Context()
	var own *Error
	if errors.As(err, &own) {
		x.log.WarnContext(ctx, "nuxtauth: a sign-in was refused", "provider", x.provider, "code", code, "error", err)
		return
	}
	x.report(ctx, "a sign-in with "+x.provider, err)
}

// escape is JavaScript's encodeURIComponent for a query.
func escape(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }
