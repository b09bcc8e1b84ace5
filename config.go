package nuxtauth

import (
	"errors"
	"fmt"
	"net/url"
	"reflect"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/nuxtauth/nuxtauth/internal/cookie"
	"github.com/nuxtauth/nuxtauth/store"
	"github.com/nuxtauth/nuxtauth/token"
)

const (
	minSecret          = 32
	defaultMaxAge      = 30 * 24 * time.Hour
	defaultMaxLifetime = 90 * 24 * time.Hour
	defaultUpdateAge   = 24 * time.Hour
)

// A kit is what depends on whether cookies are Secure: their names, and the
// keys that are derived from the names.
type kit struct {
	names   cookie.Names
	session cookie.Chunked
	codec   token.Codec // the session token
	checks  token.Codec // the checks of a sign-in under way
}

func (k *kit) make(p Protocol, c Cookies, secure bool, codec token.Codec, secrets []string) (err error) {
	k.names = cookie.Defaults(c.prefix(p), secure)
	k.names.Session.Domain = c.Domain
	k.names.CallbackURL.Domain = c.Domain
	k.session = cookie.Chunked{Cookie: k.names.Session, Size: cookie.NextAuthSize}
	if err := k.names.Validate(); err != nil {
		return fmt.Errorf("nuxtauth: Config.Cookies: %w", err)
	}
	checks := token.NextAuth
	if p == AuthJS {
		checks = token.AuthJS
		k.session.Size = cookie.AuthJSSize
	}
	if k.checks, err = checks(k.names.Check.Name, secrets...); err != nil {
		return err
	}
	if k.codec = codec; codec == nil {
		k.codec, err = sessionCodec(p, k.names.Session.Name, secrets)
	}
	return err
}

// prefix begins the names of the cookies, and tells apart the sessions of two
// Auths in one store.
func (c Cookies) prefix(p Protocol) string { return firstOf(c.Prefix, p.String()) }

// secretsOf lists the secrets, the one that seals first.
func secretsOf(secret string, old []string, getenv func(string) string) ([]string, error) {
	secret = firstOf(secret, getenv("AUTH_SECRET"), getenv("NEXTAUTH_SECRET"))
	if secret == "" {
		return nil, errors.New("nuxtauth: there is no secret: set Config.Secret or AUTH_SECRET, for instance to the output of `openssl rand -base64 33`")
	}
	secrets := append([]string{secret}, old...)
	for i, s := range secrets {
		if len(s) < minSecret {
			name := "Config.Secret (or AUTH_SECRET)"
			if i > 0 {
				name = fmt.Sprintf("Config.OldSecrets[%d]", i-1)
			}
			return secrets, fmt.Errorf("nuxtauth: %s has %d characters: write at least %d, for instance the output of `openssl rand -base64 33`", name, len(s), minSecret)
		}
	}
	return secrets, nil
}

// check looks at the lifetimes, of which the zero ones are replaced, and at
// where sessions are kept.
func (s *SessionConfig) check(maxAge, updateAge, lifetime time.Duration) error {
	var problems []error
	problem := func(format string, args ...any) {
		problems = append(problems, fmt.Errorf("nuxtauth: "+format, args...))
	}
	if maxAge < 0 || updateAge < 0 || lifetime < 0 || s.CacheFor < 0 {
		problem("Session.MaxAge, Session.MaxLifetime, Session.UpdateAge and Session.CacheFor can't be negative: leave them out for 30 days, 90 days, 24 hours and no cache")
	}
	if maxAge > 0 && updateAge >= maxAge {
		problem("Session.UpdateAge is %v, not below Session.MaxAge of %v: leave it out", updateAge, maxAge)
	}
	if s.Store != nil && s.DenyList != nil {
		problem("Session.DenyList is for sessions in cookies: leave it out, the Store ends sessions by itself")
	}
	if s.Store == nil && s.AdoptCookies {
		problem("Session.AdoptCookies moves sessions into a Store: set Session.Store, or leave it out")
	}
	return errors.Join(problems...)
}

// marksFor remembers the logout tokens that were used: where all processes see
// it, or else in this one.
func marksFor(s SessionConfig, now func() time.Time) store.Marks {
	if s.DenyList != nil {
		return s.DenyList
	}
	if shared, ok := s.Store.(store.Marks); ok {
		return shared
	}
	return store.NewMemory(store.MemoryOptions{Now: now})
}

func (p Pages) check() error {
	var problems []error
	for _, f := range []struct{ name, value string }{
		{"SignIn", p.SignIn}, {"SignOut", p.SignOut}, {"Error", p.Error}, {"VerifyRequest", p.VerifyRequest},
	} {
		u, err := url.Parse(f.value)
		if f.value == "" || err == nil && (strings.HasPrefix(f.value, "/") && u.Host == "" || u.Scheme == "https" || u.Scheme == "http") {
			continue
		}
		problems = append(problems, fmt.Errorf("nuxtauth: Pages.%s is %q: write a path such as %q, or an absolute URL", f.name, f.value, "/login"))
	}
	return errors.Join(problems...)
}

// sessionCodec is the encrypted token of a protocol.
func sessionCodec(p Protocol, cookieName string, secrets []string) (token.Codec, error) {
	if p == AuthJS {
		return token.AuthJS(cookieName, secrets...)
	}
	return token.NextAuth("", secrets...)
}

// checkTypes looks for mistakes in the user's types that compile.
func checkTypes[T JWT, S Session]() error {
	t, s := reflect.TypeFor[T](), reflect.TypeFor[S]()
	problems := []error{
		checkEmbedding(t, reflect.TypeFor[DefaultJWT](), "name", "email", "picture", "sub", "iat", "exp", "nbf", "jti", "nuxtauth"),
		checkProviderTokens(t),
		checkEmbedding(s, nil, "user", "expires"),
	}
	if errors.Join(problems...) == nil {
		problems = append(problems, checkJSON[T, S]())
	}
	return errors.Join(problems...)
}

// isDefault tells whether t is the embedded default of a user's type. All
// instances of DefaultSession[U] are.
func isDefault(t, def reflect.Type) bool {
	if def != nil {
		return t == def
	}
	return t.PkgPath() == reflect.TypeFor[DefaultJWT]().PkgPath() && strings.HasPrefix(t.Name(), "DefaultSession[")
}

// checkEmbedding refuses a default that is embedded by pointer or under a JSON
// name, and fields beside it that take one of its names.
func checkEmbedding(t, def reflect.Type, taken ...string) error {
	if t.Kind() != reflect.Struct {
		return fmt.Errorf("nuxtauth: %v must be a struct, not a pointer", t)
	}
	if isDefault(t, def) {
		return nil
	}
	var problems []error
	for f := range t.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		inner := f.Type
		if inner.Kind() == reflect.Pointer {
			inner = inner.Elem()
		}
		switch {
		case f.Anonymous && isDefault(inner, def):
			if f.Type != inner {
				problems = append(problems, fmt.Errorf("nuxtauth: %v embeds *%v by pointer: embed it by value, without the *", t, inner))
			}
			if name != "" {
				problems = append(problems, fmt.Errorf("nuxtauth: %v gives the embedded %v a json tag: leave the tag out, its fields belong to the top level", t, inner))
			}
		case f.Anonymous && name == "" && inner.Kind() == reflect.Struct:
			if f.Type != inner && (inner.Implements(reflect.TypeFor[JWT]()) || inner.Implements(reflect.TypeFor[Session]())) {
				problems = append(problems, fmt.Errorf("nuxtauth: %v embeds *%v by pointer: embed it by value, without the *", t, inner))
			}
			problems = append(problems, checkEmbedding(inner, def, taken...))
		case f.IsExported():
			for _, n := range taken {
				if n == name || name == "" && n == f.Name {
					problems = append(problems, fmt.Errorf("nuxtauth: %v.%s has the JSON name %q, which is the library's: give it another name", t, f.Name, n))
				}
			}
		}
	}
	return errors.Join(problems...)
}

// checkProviderTokens looks for them embedded in a way in which they would stay
// empty, or be overwritten.
func checkProviderTokens(t reflect.Type) error {
	tokens := reflect.TypeFor[ProviderTokens]()
	if t.Kind() != reflect.Struct {
		return nil
	}
	var problems []error
	for f := range t.Fields() {
		if f.Anonymous && f.Type == reflect.PointerTo(tokens) {
			problems = append(problems, fmt.Errorf("nuxtauth: %v embeds *ProviderTokens by pointer: embed it by value, without the *", t))
		}
		if f.Anonymous && f.Type == tokens {
			problems = append(problems, checkEmbedding(t, tokens, "access_token", "refresh_token", "expires_at", "id_token"))
		}
	}
	return errors.Join(problems...)
}

// checkJSON finds what JSON can't hold, tags in conflict, and methods that write
// something else than the fields.
func checkJSON[T JWT, S Session]() error {
	t := new(T)
	defaultsOf(t).Subject = "1"
	b, err := json.Marshal(t)
	if err == nil {
		t = new(T)
		err = json.Unmarshal(b, t)
	}
	if err == nil && defaultsOf(t).Subject != "1" {
		err = errOwnJSON
	}
	if err != nil {
		err = fmt.Errorf("nuxtauth: %T does not go through JSON: %w", *t, err)
	}
	s := new(S)
	b, errS := json.Marshal(s)
	if errS == nil {
		var shown struct {
			Expires *ISOTime `json:"expires"`
		}
		if err := json.Unmarshal(b, &shown); err != nil {
			errS = fmt.Errorf("%w: %w", errOwnJSON, err)
		} else if shown.Expires == nil {
			errS = errOwnJSON
		}
	}
	if errS != nil {
		errS = fmt.Errorf("nuxtauth: %T does not go through JSON: %w", *s, errS)
	}
	return errors.Join(err, errS)
}

var errOwnJSON = errors.New("a method that writes its JSON, perhaps one of an embedded type, does not write what the library keeps there: remove the method, or give the type a field of its own")

func orDefault[V comparable](v, def V) V {
	var zero V
	if v == zero {
		return def
	}
	return v
}

func firstOf(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

func withQuery(to, key, value string) string {
	sep := "?"
	if strings.Contains(to, "?") {
		sep = "&"
	}
	return to + sep + key + "=" + escape(value)
}
