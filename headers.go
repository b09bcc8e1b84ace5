package nuxtauth

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth/internal/cookie"
)

// A headerWatch is the response of a request whose headers have, or may get, the cookie of
// the session. When they are written, a response that has it is kept out of caches,
// whatever a handler has set since.
type headerWatch struct {
	gin.ResponseWriter
	session cookie.Chunked
}

// watchHeaders makes the writer of the response a headerWatch.
func (a *Auth[T, S]) watchHeaders(c *gin.Context) {
	base, err := a.api.Base(c.Request)
	if err != nil {
		return // no session is written for this host
	}
	if w, ok := c.Writer.(*headerWatch); ok && w.session == base.Cookies.Session {
		return
	}
	c.Writer = &headerWatch{c.Writer, base.Cookies.Session}
}

func (w *headerWatch) beforeHeaders() {
	if !w.Written() {
		w.session.KeepPrivate(w.Header())
	}
}

// WriteHeaderNow implements [gin.ResponseWriter].
func (w *headerWatch) WriteHeaderNow() {
	w.beforeHeaders()
	w.ResponseWriter.WriteHeaderNow()
}

// Write implements [http.ResponseWriter].
func (w *headerWatch) Write(b []byte) (int, error) {
	w.beforeHeaders()
	return w.ResponseWriter.Write(b)
}

// WriteString implements [gin.ResponseWriter].
func (w *headerWatch) WriteString(s string) (int, error) {
	w.beforeHeaders()
	return w.ResponseWriter.WriteString(s)
}

// Flush implements [http.Flusher].
func (w *headerWatch) Flush() {
	w.beforeHeaders()
	w.ResponseWriter.Flush()
}

// Unwrap is for [http.ResponseController].
func (w *headerWatch) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// keepGuarded keeps the response of a guarded route out of shared caches, unless its
// headers say something of caches already. A handler may replace it.
func keepGuarded(h http.Header) {
	if len(h["Cache-Control"]) == 0 {
		h["Cache-Control"] = []string{"private"}
	}
}
