// Package origin decides which origins belong to the application: its public
// URL, the URLs to which a sign-in may redirect, the sites that may post to it,
// and the CSRF tokens.
package origin

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// defaultPath is the base path when neither URL nor BasePath names one.
const defaultPath = "/api/auth"

// A Config is the address of the application. Either URL or TrustHost is needed.
type Config struct {
	// URL is the public address of the application as browsers see it, such as
	// "https://app.example.com". It may carry the base path.
	URL string

	// BasePath is the path of the API. Empty means the path in URL, or
	// "/api/auth" when that has none. If both have a path, that of URL is the public one,
	// which a proxy in front replaces by BasePath.
	BasePath string

	// TrustHost takes the public address from each request if URL is empty: from
	// X-Forwarded-Host and X-Forwarded-Proto, otherwise from Host and TLS. It is
	// only for servers behind a proxy that sets or removes these headers.
	TrustHost bool

	// TrustedOrigins are further origins of the same application, each as
	// browsers write it: "https://app.example.com". Sign-ins may redirect to
	// them, and they may post. If there are any, requests to a server with
	// TrustHost must be for one of them. See [trusted] for patterns.
	TrustedOrigins []string

	// TrustOrigin reports whether an origin is one more of them. It is called with
	// origins of clients. Nil trusts none.
	TrustOrigin func(origin string) bool

	// Debug accepts the pattern "http://localhost:*" in TrustedOrigins.
	Debug bool
}

// A Site is a checked [Config]. It is safe for concurrent use. Make one with
// [New].
type Site struct {
	fixed     Base   // of Config.URL; the zero Base without one
	path      string // at which requests arrive
	trustHost bool
	trusted   trusted
}

// New checks cfg. The error joins all problems, each with a correct example.
func New(cfg Config) (*Site, error) {
	var problems []error
	s := &Site{path: defaultPath, trustHost: cfg.TrustHost}
	var err error
	if s.trusted, err = newTrusted(cfg); err != nil {
		problems = append(problems, err)
	}

	if cfg.BasePath != "" {
		if err := checkPath("BasePath", cfg.BasePath); err != nil {
			problems = append(problems, err)
		}
		s.path = cfg.BasePath
	}
	switch {
	case cfg.URL != "":
		origin, path, err := parseURL(cfg.URL)
		if err != nil {
			problems = append(problems, err)
		}
		if path == "" {
			path = s.path
		}
		if cfg.BasePath == "" {
			s.path = path
		}
		s.fixed = Base{Origin: origin, Path: path}
	case !cfg.TrustHost:
		problems = append(problems, errors.New(`nuxtauth: URL is empty: set Config.URL or AUTH_URL to the public address such as "https://app.example.com", or set TrustHost when a proxy in front sets X-Forwarded-Host`))
	}
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	return s, nil
}

// Path returns the base path at which requests arrive, such as "/api/auth".
func (s *Site) Path() string { return s.path }

// A Base is the address of the API for one request.
type Base struct {
	Origin string // "https://app.example.com"
	Path   string // "/api/auth", as browsers see it
}

// URL returns the address of a route: the base, and the segments after it.
func (b Base) URL(segments ...string) string {
	u := b.Origin + b.Path
	for _, segment := range segments {
		u += "/" + url.PathEscape(segment)
	}
	return u
}

// Secure reports whether the application is served over https.
func (b Base) Secure() bool {
	return strings.HasPrefix(b.Origin, "https://")
}

// Configured returns the address of the API that Config.URL says, false without one:
// then it depends on the request.
func (s *Site) Configured() (Base, bool) { return s.fixed, s.fixed.Origin != "" }

// Base returns the address of the API for r: that of Config.URL, or without one
// that of the request. The error says what in the request is not acceptable; the
// response is then 400.
//
// The first value of a header with several counts. The header Forwarded is not
// read.
func (s *Site) Base(r *http.Request) (Base, error) {
	if base, ok := s.Configured(); ok {
		return base, nil
	}
	if !s.trustHost {
		return Base{}, errors.New("origin: no URL is configured, and TrustHost is not set")
	}
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	if v := r.Header.Get("X-Forwarded-Proto"); v != "" {
		scheme = strings.ToLower(first(v))
	}
	host := r.Host
	if v := r.Header.Get("X-Forwarded-Host"); v != "" {
		host = first(v)
	}
	if scheme != "http" && scheme != "https" {
		return Base{}, fmt.Errorf("origin: the scheme of the request is %.40q", scheme)
	}
	origin, ok := serialize(scheme, host)
	if !ok {
		return Base{}, fmt.Errorf("origin: the host of the request is %.80q", host)
	}
	if !s.trusted.none() && !s.trusted.has(origin) {
		return Base{}, fmt.Errorf("origin: the request is for %q, which is not one of TrustedOrigins", origin)
	}
	return Base{Origin: origin, Path: s.path}, nil
}

// first returns the first value of a header that lists several.
func first(v string) string {
	v, _, _ = strings.Cut(v, ",")
	return strings.Trim(v, " \t")
}

// parseURL splits Config.URL. The path is empty if there is none.
func parseURL(raw string) (origin, path string, err error) {
	if strings.Contains(raw, "@") {
		return "", "", errors.New(`nuxtauth: URL has an @, as if with a user name or password: write the public address alone, such as "https://app.example.com"`)
	}
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return "", "", fmt.Errorf(`nuxtauth: URL %q is not an absolute http or https address: write one such as "https://app.example.com"`, raw)
	}
	origin, ok := serialize(u.Scheme, u.Host)
	if !ok {
		return "", "", fmt.Errorf(`nuxtauth: URL %q has a host that is not valid: write a host name in ASCII ("xn--…" for others) or an IP address, and a port if it needs one`, raw)
	}
	if strings.ContainsAny(raw, "?#") {
		return "", "", fmt.Errorf("nuxtauth: URL %q has a query or a fragment: write %q", raw, origin+u.Path)
	}
	path = strings.TrimSuffix(u.EscapedPath(), "/")
	if path == "" {
		return origin, "", nil
	}
	return origin, path, checkPath("the path of URL", path)
}

// checkPath refuses paths that routers, proxies and browsers may read
// differently.
func checkPath(field, path string) error {
	problem := func(problem string) error {
		return fmt.Errorf("nuxtauth: %s %q %s: write one such as %q", field, path, problem, defaultPath)
	}
	if path[0] != '/' {
		return problem("does not start with a slash")
	}
	if path == "/" {
		return problem("would take every route of the application")
	}
	for segment := range strings.SplitSeq(path[1:], "/") {
		switch {
		case segment == "":
			return problem("has a slash too many")
		case segment == "." || segment == "..":
			return problem("has a dot segment")
		case strings.ContainsFunc(segment, notPathChar):
			return problem("has a character other than letters, digits and -._~")
		}
	}
	return nil
}

func notPathChar(r rune) bool {
	return !isAlnum(r) && !strings.ContainsRune("-._~", r)
}
