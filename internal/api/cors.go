package api

import (
	"net/http"

	"github.com/nuxtauth/nuxtauth/internal/origin"
)

// crossOrigin is what a request of a script at another origin says of itself.
type crossOrigin struct {
	from      string // its origin, "" for a request of the application's own or of a program
	trusted   bool
	preflight bool
}

// crossOrigin reads the headers of a request, and warns of a script whose origin is not
// trusted.
func (s *Server) crossOrigin(r *http.Request, base origin.Base) crossOrigin {
	x := crossOrigin{
		from:      r.Header.Get("Origin"),
		preflight: r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "",
	}
	if x.from == "" || x.from == base.Origin {
		return crossOrigin{}
	}
	x.trusted = s.cfg.Site.Trusted(base, x.from)
	if !x.trusted && (x.preflight || r.Method == http.MethodGet) { // a form of another origin has a warning of its own
		s.warnings.add(r.Context(), "nuxtauth: a request of a script at another origin: if it is a front end of the application, list the origin in Config.TrustedOrigins", "origin", cut(x.from))
	}
	return x
}

// allow writes the headers that let the script read the answer.
func (x crossOrigin) allow(h http.Header) {
	h.Set("Access-Control-Allow-Origin", x.from)
	h.Set("Access-Control-Allow-Credentials", "true")
	if !x.preflight {
		h.Set("Access-Control-Expose-Headers", "Retry-After, "+unavailableHeader)
	}
}

// answerPreflight lets the script send requests with a method and headers.
func answerPreflight(w http.ResponseWriter, methods, headers string) {
	h := w.Header()
	h.Set("Access-Control-Allow-Methods", methods)
	if headers != "" {
		h.Set("Access-Control-Allow-Headers", headers)
	}
	h.Set("Access-Control-Max-Age", "600")
	w.WriteHeader(http.StatusNoContent)
}

// cors lets the front ends of the trusted origins call the API with their
// cookies, and answers their preflights. Other origins get no header.
func (c *Call) cors() (done bool) {
	x := c.crossOrigin(c.r, c.base.Base)
	if x.trusted {
		x.allow(c.h)
		c.h.Add("Vary", "Origin")
		if x.preflight {
			answerPreflight(c.w, "GET, POST", "Authorization, Content-Type, X-Auth-Return-Redirect")
		}
	} else if x.preflight {
		writeMessage(c.w, http.StatusBadRequest, "This origin is not in the TrustedOrigins of the application.")
	}
	return x.preflight
}

// CORS lets the front ends of the trusted origins call a route of the application with
// their cookies. It reports whether it has answered the request, which is a preflight
// then. Preflights of other origins are left to the application.
func (s *Server) CORS(w http.ResponseWriter, r *http.Request) (done bool) {
	w.Header().Add("Vary", "Origin") // also without it: a cache could keep that answer for all origins
	base, err := s.Base(r)
	if err != nil {
		return false
	}
	x := s.crossOrigin(r, base.Base)
	if !x.trusted {
		return false
	}
	x.allow(w.Header())
	if x.preflight {
		answerPreflight(w, r.Header.Get("Access-Control-Request-Method"), r.Header.Get("Access-Control-Request-Headers"))
	}
	return x.preflight
}
