package api

import (
	"bytes"
	"errors"
	"net/http"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/nuxtauth/nuxtauth/internal/session"
	"github.com/nuxtauth/nuxtauth/provider"
	"github.com/nuxtauth/nuxtauth/store"
)

// A providerEntry is a provider as GET /providers shows it.
type providerEntry struct {
	ID          string        `json:"id"`
	Name        string        `json:"name"`
	Type        provider.Type `json:"type"`
	SignInURL   string        `json:"signinUrl"`
	CallbackURL string        `json:"callbackUrl"`
}

// A providerList is an object in JSON, by ID, in the order of the configuration.
type providerList []providerEntry

// MarshalJSONTo writes the object.
func (l providerList) MarshalJSONTo(enc *jsontext.Encoder) error {
	err := enc.WriteToken(jsontext.BeginObject)
	for _, e := range l {
		err = errors.Join(err, enc.WriteToken(jsontext.String(e.ID)), json.MarshalEncode(enc, e))
	}
	return errors.Join(err, enc.WriteToken(jsontext.EndObject))
}

// ListProviders answers with the providers of the configuration.
func (x *Exchange) ListProviders() {
	var list providerList
	for _, p := range x.providers {
		list = append(list, providerEntry{
			p.ID, p.Name, x.protocol.providerType(p.Type), x.at.URL("signin", p.ID), x.at.URL("callback", p.ID),
		})
	}
	x.json(http.StatusOK, list)
}

// CSRFToken answers with the CSRF token.
func (x *Exchange) CSRFToken() {
	x.json(http.StatusOK, map[string]string{"csrfToken": x.csrfToken})
}

// Session answers with session data, always with status 200.
func (x *Exchange) Session() { x.session(nil) }

// UpdateSession hands the data of the front end to the callbacks, and answers with
// session data. It answers 409 if other requests kept changing the session, so
// that the front end can try again.
func (x *Exchange) UpdateSession() {
	x.session(&session.Params{Trigger: session.TriggerUpdate, Update: x.body.data})
}

func (x *Exchange) session(p *session.Params) {
	r := x.request()
	c, ok := session.ReadCredential(r)
	if !ok {
		x.signedOut(http.StatusOK)
		return
	}
	ctx := x.r.Context()
	s, err := x.sessions.Load(r, c, session.Options{Params: p, FrontEnd: true})
	if p != nil && errors.Is(err, store.ErrConflict) {
		x.message(http.StatusConflict, "Other requests changed the session at the same time. Try again.")
		return
	}
	if !s.Active() {
		x.signedOut(http.StatusOK)
		return
	}
	buffer := buffers.Get().(*bytes.Buffer)
	defer buffers.Put(buffer)
	buffer.Reset()
	b, err := x.sessions.AppendView(buffer.AvailableBuffer(), s)
	if err != nil {
		// The front end would get half a session: it gets none, and the cookie stays.
		x.report(ctx, "the JSON of the session", err)
		x.signedOut(http.StatusOK)
		return
	}
	buffer.Write(b) // it grows for the next session
	x.data(http.StatusOK, b)
	if event := x.callbacks.Read; event != nil {
		x.report(ctx, "the Session event", event(ctx, s))
	}
}

// ClientLog takes what next-auth's client reports of its own errors. The text is
// untrusted, so it is logged at the debug level, quoted and cut.
func (x *Exchange) ClientLog() {
	cut := func(s string) string { return s[:min(len(s), 200)] }
	x.log.DebugContext(x.r.Context(), "nuxtauth: the front end reports",
		"level", cut(x.body.get("level")), "code", cut(x.body.get("code")), "message", cut(x.body.get("message")))
	x.w.WriteHeader(http.StatusOK)
}
