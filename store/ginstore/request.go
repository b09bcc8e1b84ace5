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

// valueKey is the name of the only value of a session in the backend. The value is a
// string, which every serializer takes without a registered type.
const valueKey = "session"

// maxHandle bounds a handle, in bytes: more than any browser sends in one cookie.
const maxHandle = 16 << 10

// An opened session is one of the backend, with the request that opened it: some
// backends read its cookie again when they save.
type opened struct {
	request *http.Request
	session *sessions.Session
	record  *store.Record // nil for a new session
}

// fresh returns a new session that is not saved yet.
func (s *Store) fresh(ctx context.Context) (*opened, error) {
	r := request(ctx)
	session, err := s.backend.New(r, s.name)
	if err != nil {
		return nil, fmt.Errorf("ginstore: %w", err)
	}
	return &opened{request: r, session: session}, nil
}

// errNew means that the backend has returned a new session and no error.
var errNew = errors.New("ginstore: the store of gin-contrib/sessions has returned a new session")

// open reads the session of a handle, which may have expired. A new session without an
// error is ErrNotFound only if the backend answers, since some backends return it for a
// fault too; and only after a second look, which a short fault does not hide.
func (s *Store) open(ctx context.Context, handle string) (*opened, error) {
	o, err := s.read(ctx, handle)
	if !errors.Is(err, errNew) {
		return o, err
	}
	if err := s.answers(ctx); err != nil {
		return nil, err
	}
	if o, err = s.read(ctx, handle); errors.Is(err, errNew) {
		return nil, store.ErrNotFound
	}
	return o, err
}

// read reads a session. It returns errNew if the backend says neither that there is none
// nor that it can't tell.
func (s *Store) read(ctx context.Context, handle string) (*opened, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if !isBase64(handle, '~') {
		return nil, store.ErrNotFound
	}
	r := request(ctx)
	r.Header.Set("Cookie", s.name+"="+padded(handle))
	session, err := s.backend.New(r, s.name)
	if err != nil && s.isNotFound(err) {
		return nil, store.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("ginstore: %w", err)
	}
	if session.IsNew {
		return nil, errNew
	}
	value, ok := session.Values[valueKey].(string)
	if !ok {
		return nil, store.ErrNotFound
	}
	record, err := decode(value)
	if err != nil {
		return nil, store.ErrNotFound // saved by other code under this name
	}
	return &opened{request: r, session: session, record: record}, nil
}

// probeAge is the age in seconds of the session that answers looks for.
const probeAge = 3600

// answers returns an error unless the backend finds a session of this store, which it
// saves for that. Its handle never leaves the process, and it has expired for FindSession.
func (s *Store) answers(ctx context.Context) error {
	if handle, ok := s.probe.Load().(string); ok {
		_, err := s.read(ctx, handle)
		if !errors.Is(err, errNew) && !errors.Is(err, store.ErrNotFound) {
			return err
		}
	}
	o, err := s.fresh(ctx)
	if err != nil {
		return err
	}
	o.session.Values[valueKey] = "{}"
	handle, err := s.write(o, probeAge)
	if err != nil {
		return err
	}
	_, err = s.read(ctx, handle)
	if errors.Is(err, errNew) || errors.Is(err, store.ErrNotFound) {
		return errors.New("ginstore: the store of gin-contrib/sessions does not find what it has saved")
	}
	if err != nil {
		return err
	}
	s.probe.Store(handle)
	return nil
}

// save writes a session and returns its handle.
func (s *Store) save(o *opened, r *store.Record) (string, error) {
	value, err := encode(r)
	if err != nil {
		return "", fmt.Errorf("ginstore: %w", err)
	}
	o.session.Values[valueKey] = value

	// Most backends delete a session for 0 seconds; an expired one is not found anyway.
	seconds := max(1, int(r.ExpiresAt.Sub(s.now())/time.Second)+1)
	return s.write(o, seconds)
}

// end removes a session from the backend.
func (s *Store) end(o *opened) error {
	if _, err := s.write(o, -1); err != nil && !errors.Is(err, errNoCookie) {
		return err
	}
	return nil
}

var errNoCookie = errors.New("ginstore: the store of gin-contrib/sessions has set no cookie in base64url")

// write saves with an age in seconds, and returns the cookie's value.
func (s *Store) write(o *opened, maxAge int) (string, error) {
	options := *o.session.Options
	options.MaxAge = maxAge
	o.session.Options = &options

	w, id := response{}, o.session.ID
	if err := s.backend.Save(o.request, w, o.session); err != nil {
		return "", fmt.Errorf("ginstore: %w", err)
	}
	if id != "" && o.session.ID != id { // it did not find the session, or could not look
		return "", errors.New("ginstore: the store of gin-contrib/sessions has saved another session")
	}
	for _, c := range (&http.Response{Header: w.Header()}).Cookies() {
		if c.Name == s.name && isBase64(c.Value, '=') {
			return unpadded(c.Value), nil
		}
	}
	return "", errNoCookie
}

// The backend's cookies end in "=", the padding of base64url. A handle has "~" in its
// place, which is no character of base64url.
func unpadded(value string) string { return strings.ReplaceAll(value, "=", "~") }
func padded(handle string) string  { return strings.ReplaceAll(handle, "~", "=") }

// request returns a request without cookies.
func request(ctx context.Context) *http.Request {
	r := &http.Request{Method: http.MethodGet, URL: &url.URL{Path: "/"}, Header: make(http.Header)}
	return r.WithContext(ctx)
}

// A response records headers and discards the rest.
type response http.Header

func (r response) Header() http.Header         { return http.Header(r) }
func (r response) Write(b []byte) (int, error) { return len(b), nil }
func (r response) WriteHeader(int)             {}

// isBase64 reports whether a value has at most maxHandle bytes, of base64url (RFC 4648
// section 5) and its padding alone.
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

// A stored record is the JSON of a record in the backend. Times are in milliseconds
// since 1970. The names are short because cookies are small.
type stored struct {
	ID              string `json:"i"`
	Version         int64  `json:"v"`
	Realm           string `json:"r"`
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
	b, err := json.Marshal(stored{
		ID: r.ID, Version: r.Version, Realm: r.Realm, Subject: r.Subject,
		Provider: r.Provider, ProviderSubject: r.ProviderSubject, ProviderSession: r.ProviderSession, Claims: r.Claims,
		CreatedAt: r.CreatedAt.UnixMilli(), SeenAt: r.SeenAt.UnixMilli(), ExpiresAt: r.ExpiresAt.UnixMilli(),
		IP: r.IP, UserAgent: r.UserAgent,
	})
	return string(b), err
}

func decode(value string) (*store.Record, error) {
	var k stored
	if err := json.Unmarshal([]byte(value), &k); err != nil {
		return nil, err
	}
	at := func(ms int64) time.Time { return time.UnixMilli(ms).UTC() }
	return &store.Record{
		ID: k.ID, Version: k.Version, Realm: k.Realm, Subject: k.Subject,
		Provider: k.Provider, ProviderSubject: k.ProviderSubject, ProviderSession: k.ProviderSession, Claims: k.Claims,
		CreatedAt: at(k.CreatedAt), SeenAt: at(k.SeenAt), ExpiresAt: at(k.ExpiresAt),
		IP: k.IP, UserAgent: k.UserAgent,
	}, nil
}
