package api

import (
	"bytes"
	"errors"
	"net/http"
	"sync"

	"github.com/nuxtauth/nuxtauth/internal/session"
	"github.com/nuxtauth/nuxtauth/store"
)

// buffers are for the JSON of sessions; of *bytes.Buffer.
var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// unavailableHeader says in an answer without session data that the session could not be
// checked, and has not ended. Clients of Auth.js do not know of it.
const unavailableHeader = "X-Auth-Unavailable"

// retryAfter is when a client may ask again after a temporary fault, in seconds.
const retryAfter = "5"

// Session answers with session data, always with status 200.
func Session(c *Call) { c.session(nil) }

// UpdateSession hands the data of the front end to the callbacks, and answers with
// session data. It answers 409 if other requests kept changing the session, so
// that the front end can try again.
func UpdateSession(c *Call) {
	c.session(&session.Params{Trigger: session.TriggerUpdate, Update: c.body.data})
}

func (c *Call) session(p *session.Params) {
	r := c.request()
	credential, ok := session.ReadCredential(r)
	if !ok {
		c.signedOut(http.StatusOK)
		return
	}
	s, err := c.cfg.Sessions.Load(r, credential, session.Options{Params: p, FrontEnd: true})
	if p != nil && errors.Is(err, store.ErrConflict) {
		c.failure = err
		writeMessage(c.w, http.StatusConflict, "Other requests changed the session at the same time. Try again.")
		return
	}
	if !s.Active() {
		if s.State == session.Unavailable {
			c.failure = session.ErrUnavailable
			c.h.Set(unavailableHeader, "1")
			c.h.Set("Retry-After", retryAfter)
		}
		c.signedOut(http.StatusOK)
		return
	}
	if err := c.view(s); err != nil {
		// The front end would get half a session: it gets none. The session goes on,
		// with the cookie that Load may have renewed.
		c.failure = err
		c.report("nuxtauth: the JSON of the session failed", err)
		c.signedOut(http.StatusOK)
	}
}

// view answers with the data of a session, and calls the Session event. After an error it
// has not answered.
func (c *Call) view(s *session.Session) error {
	buffer := buffers.Get().(*bytes.Buffer)
	defer buffers.Put(buffer)
	buffer.Reset()
	b, err := c.cfg.Sessions.AppendView(buffer.AvailableBuffer(), s)
	if err != nil {
		return err
	}
	buffer.Write(b) // it grows for the next session
	c.data(http.StatusOK, b)
	if event := c.cfg.Callbacks.SessionEvent; event != nil {
		event(c.r.Context(), s)
	}
	return nil
}

// signedOut answers a request for session data without a session.
func (c *Call) signedOut(status int) { c.data(status, []byte(c.cfg.Protocol.signedOutJSON())) }
