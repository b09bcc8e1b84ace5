package api

import (
	"mime"
	"net/http"
	"net/url"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

const maxBody = 64 << 10 // bytes

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
		err = b.readForm(r)
	case "application/json":
		err = b.readJSON(r)
	}
	b.json = truthy(b.form.Get("json"))
	return b, err
}

func (b *body) readForm(r *http.Request) (err error) {
	if err := r.ParseForm(); err != nil {
		return err
	}
	b.form = r.PostForm
	if data := b.form.Get("data"); data != "" {
		b.data, err = json.Marshal(data)
	}
	return err
}

func (b *body) readJSON(r *http.Request) error {
	var members map[string]jsontext.Value
	if err := json.UnmarshalRead(r.Body, &members); err != nil {
		return err
	}
	b.data = members["data"]
	for key, v := range members {
		switch v.Kind() {
		case jsontext.KindString:
			var s string
			if err := json.Unmarshal(v, &s); err != nil {
				return err
			}
			b.form.Set(key, s)
		case jsontext.KindNumber, jsontext.KindTrue, jsontext.KindFalse:
			b.form.Set(key, string(v))
		}
	}
	return nil
}

// truthy is JavaScript's idea of a flag: next-auth's clients send "true", and
// nuxt-auth takes any value for it.
func truthy(s string) bool { return s != "" && s != "false" && s != "0" }
