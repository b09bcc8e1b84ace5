package ginstore

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/gorilla/sessions"

	"github.com/nuxtauth/nuxtauth/store"
)

// valueKey is the name of the one value that a session of the store below has.
// It is a string, so that every serializer takes it and no type is registered.
const valueKey = "session"

// maxHandle is more than any browser sends in one cookie.
const maxHandle = 16 << 10

// An opened session is one of the store below, with the request that opened it:
// some stores look at its cookie again when they save.
type opened struct {
	request *http.Request
	session *sessions.Session
	record  *store.Record // nil for a new session
}

// fresh starts a session that nothing has been saved of.
func (s *Store) fresh(ctx context.Context) (*opened, error) {
	r := request(ctx)
	session, err := s.below.New(r, s.name)
	if err != nil {
		return nil, fmt.Errorf("ginstore: %w", err)
	}
	return &opened{request: r, session: session}, nil
}

// open reads the session of a handle, which may have expired.
func (s *Store) open(ctx context.Context, handle string) (*opened, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if !isBase64(handle, '~') {
		return nil, store.ErrNotFound
	}
	r := request(ctx)
	r.Header.Set("Cookie", s.name+"="+padded(handle))
	session, err := s.below.New(r, s.name)
	if err != nil && s.noSession(err) {
		return nil, store.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("ginstore: %w", err)
	}
	value, ok := session.Values[valueKey].(string)
	if session.IsNew || !ok {
		return nil, store.ErrNotFound
	}
	record, err := decode(value)
	if err != nil {
		return nil, store.ErrNotFound // saved by something else under this name
	}
	return &opened{request: r, session: session, record: record}, nil
}

// save writes a session and returns its handle.
func (s *Store) save(o *opened, r *store.Record) (string, error) {
	value, err := encode(r)
	if err != nil {
		return "", fmt.Errorf("ginstore: %w", err)
	}
	o.session.Values[valueKey] = value

	// To most stores 0 seconds mean deleting, and a session that has expired is
	// not found anyway.
	seconds := max(1, int(r.ExpiresAt.Sub(s.now())/time.Second)+1)
	return s.write(o, seconds)
}

// end removes a session from the store below.
func (s *Store) end(o *opened) error {
	if _, err := s.write(o, -1); err != nil && !errors.Is(err, errNoCookie) {
		return err
	}
	return nil
}

var errNoCookie = errors.New("ginstore: the store has set no cookie of base64url")

// write saves with an age in seconds, and returns the cookie's value.
func (s *Store) write(o *opened, maxAge int) (string, error) {
	options := *o.session.Options
	options.MaxAge = maxAge
	o.session.Options = &options

	w := answer{}
	if err := s.below.Save(o.request, w, o.session); err != nil {
		return "", fmt.Errorf("ginstore: %w", err)
	}
	for _, c := range (&http.Response{Header: w.Header()}).Cookies() {
		if c.Name == s.name && isBase64(c.Value, '=') {
			return unpadded(c.Value), nil
		}
	}
	return "", errNoCookie
}

// A handle has no "=", with which base64url ends in the cookies below: a "~",
// which is not in base64url, stands for it.
func unpadded(value string) string { return strings.ReplaceAll(value, "=", "~") }
func padded(handle string) string  { return strings.ReplaceAll(handle, "~", "=") }

// request returns a request without cookies.
func request(ctx context.Context) *http.Request {
	r := &http.Request{Method: http.MethodGet, URL: &url.URL{Path: "/"}, Header: make(http.Header)}
	return r.WithContext(ctx)
}

// An answer takes the headers of a response alone.
type answer http.Header

func (a answer) Header() http.Header         { return http.Header(a) }
func (a answer) Write(b []byte) (int, error) { return len(b), nil }
func (a answer) WriteHeader(int)             {}

// isBase64 tells whether a value that is no longer than a cookie has the
// characters of base64url alone, RFC 4648 section 5, and those that pad it.
func isBase64(value string, pad byte) bool {
	if value == "" || len(value) > maxHandle {
		return false
	}
	for i := range len(value) {
		switch c := value[i]; {
		case 'A' <= c && c <= 'Z', 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '-', c == '_', c == pad:
		default:
			return false
		}
	}
	return true
}

// kept is the form of a record in the store below. Times are in milliseconds
// since 1970. The names are short because the cookie store has little room.
type kept struct {
	ID              string `json:"i"`
	Version         int64  `json:"v"`
	Subject         string `json:"s"`
	Provider        string `json:"p,omitempty"`
	ProviderSubject string `json:"pu,omitempty"`
	ProviderSession string `json:"ps,omitempty"`
	Claims          []byte `json:"c,omitempty"`
	CreatedAt       int64  `json:"at"`
	SeenAt          int64  `json:"seen"`
	ExpiresAt       int64  `json:"exp"`
	IP              string `json:"ip,omitempty"`
	UserAgent       string `json:"ua,omitempty"`
}

func encode(r *store.Record) (string, error) {
	b, err := json.Marshal(kept{
		ID: r.ID, Version: r.Version, Subject: r.Subject,
		Provider: r.Provider, ProviderSubject: r.ProviderSubject, ProviderSession: r.ProviderSession, Claims: r.Claims,
		CreatedAt: r.CreatedAt.UnixMilli(), SeenAt: r.SeenAt.UnixMilli(), ExpiresAt: r.ExpiresAt.UnixMilli(),
		IP: r.IP, UserAgent: r.UserAgent,
	})
	return string(b), err
}

func decode(value string) (*store.Record, error) {
	var k kept
	if err := json.Unmarshal([]byte(value), &k); err != nil {
		return nil, err
	}
	at := func(ms int64) time.Time { return time.UnixMilli(ms).UTC() }
	return &store.Record{
		ID: k.ID, Version: k.Version, Subject: k.Subject,
		Provider: k.Provider, ProviderSubject: k.ProviderSubject, ProviderSession: k.ProviderSession, Claims: k.Claims,
		CreatedAt: at(k.CreatedAt), SeenAt: at(k.SeenAt), ExpiresAt: at(k.ExpiresAt),
		IP: k.IP, UserAgent: k.UserAgent,
	}, nil
}
