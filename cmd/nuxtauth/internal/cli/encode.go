package cli

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/nuxtauth/nuxtauth/cmd/nuxtauth/internal/sealed"
	"github.com/nuxtauth/nuxtauth/token"
)

var encodeCommand = command{
	name:    "encode",
	summary: "make a session cookie for a test",
	usage:   "[flags] [< claims.json]",
	help: `It prints the session cookie of a user, as a Cookie header has it. Anyone who has the
secret of a server can sign in as any user: use it with servers for development.

The claims are those of the flags -sub, -name and -email or, without -sub, the JSON object
of the input. "iat", "exp" and "jti" are added where they are missing. A server that stores
its sessions (Session.Store) refuses the cookie, unless AdoptCookies is set.

The secret is AUTH_SECRET or NEXTAUTH_SECRET. AUTH_URL says whether the name of the cookie
is that of https, __Secure-next-auth.session-token.`,
	example: `  curl -H "Cookie: $(nuxtauth encode -env .env -sub 1 -name Ada)" http://localhost:3000/api/auth/session
  echo '{"sub":"1","role":"admin"}' | nuxtauth encode -env .env
  nuxtauth encode -protocol authjs -url https://app.example.com -sub 1
`,
	run: runEncode,
}

// chunkSize is how many characters of a token go into one cookie: what next-auth puts
// into one, which is less than Auth.js does.
const chunkSize = 3933

func runEncode(ctx context.Context, e *Env, c *call) error {
	var secrets secretFlags
	protocol := protocolFlag{sealed.NextAuth}
	secrets.define(c)
	c.flags.Var(&protocol, "protocol", "the `protocol` of the server, next-auth (the default) or authjs")
	url := c.flags.String("url", "", "the public `address` of the server, in place of AUTH_URL")
	prefix := c.flags.String("prefix", "", "the `prefix` of the cookies, if Cookies.Prefix is set")
	name := c.flags.String("cookie", "", "the whole `name` of the cookie, if it is not the usual one")
	sub := c.flags.String("sub", "", "the `ID` of the user")
	fullName := c.flags.String("name", "", "the `name` of the user")
	email := c.flags.String("email", "", "the e-mail `address` of the user")
	provider := c.flags.String("provider", "", "the `ID` of the provider of the sign-in, which RequireRecent requires")
	maxAge := c.flags.Duration("max-age", time.Hour, "the `duration` after which the session expires, such as 30m; 1h unless set")
	if err := c.parse(0); err != nil {
		return err
	}
	if *maxAge < time.Second {
		return usagef("-max-age is %v: write a duration of a second at least", *maxAge)
	}
	if *sub == "" && (*fullName != "" || *email != "") {
		return usagef("-name and -email need -sub, the ID of the user")
	}
	keys, err := secrets.find(e)
	if err != nil {
		return err
	}
	getenv, err := secrets.getenv(e)
	if err != nil {
		return err
	}
	claims := &claims{}
	if *sub == "" {
		if claims, err = readClaims(e); err != nil {
			return err
		}
	}
	claims.add("sub", *sub)
	claims.add("name", *fullName)
	claims.add("email", *email)
	now := e.Now()
	claims.addTimes(now, *maxAge)
	claims.addOrigin(now, *provider)
	body, err := claims.json()
	if err != nil {
		return err
	}

	cookie := cmp.Or(*name, cookieName(protocol.Protocol, *prefix, cmp.Or(*url, publicURL(getenv))))
	if err := sealed.CheckName(cookie); err != nil {
		return usageError{err}
	}
	codec, err := sessionCodec(protocol.Protocol, cookie, keys[0].Text)
	if err != nil {
		return err
	}
	value, err := codec.Seal(ctx, body)
	if err != nil {
		return err
	}
	if len(keys[0].Text) < 32 {
		fmt.Fprintf(e.Stderr, "%s has fewer than 32 characters: servers with nuxtauth refuse it.\n", keys[0].Name)
	}
	_, err = fmt.Fprintln(e.Stdout, cookieHeader(cookie, value))
	return err
}

// cookieName is the name of the session cookie.
func cookieName(p sealed.Protocol, prefix, url string) string {
	name := cmp.Or(prefix, string(p)) + ".session-token"
	if strings.HasPrefix(strings.ToLower(url), "https://") {
		return "__Secure-" + name
	}
	return name
}

func sessionCodec(p sealed.Protocol, cookie, secret string) (token.Codec, error) {
	if p == sealed.AuthJS {
		return token.NewAuthJS(cookie, secret)
	}
	return token.NewNextAuth("", secret)
}

// cookieHeader is the value of a Cookie header with a token, in chunks if it is long.
func cookieHeader(name, value string) string {
	if len(value) <= chunkSize {
		return name + "=" + value
	}
	var pairs []string
	for n := 0; value != ""; n++ {
		size := min(chunkSize, len(value))
		pairs = append(pairs, fmt.Sprintf("%s.%d=%s", name, n, value[:size]))
		value = value[size:]
	}
	return strings.Join(pairs, "; ")
}

// claims are the members of a JSON object in their order.
type claims struct {
	names  []string
	values map[string]json.RawMessage
}

// readClaims reads the JSON object of the input.
func readClaims(e *Env) (*claims, error) {
	if e.StdinTerminal {
		fmt.Fprintln(e.Stderr, "Type the claims as a JSON object, and Ctrl-D in a new line:")
	}
	input, err := io.ReadAll(io.LimitReader(e.Stdin, maxInput))
	if err != nil {
		return nil, fmt.Errorf("the input: %w", err)
	}
	if strings.TrimSpace(string(input)) == "" {
		return nil, errors.New(`there are no claims: add -sub ID, or pipe a JSON object such as {"sub":"1"} into it`)
	}
	all, err := readObject(input)
	if err != nil {
		return nil, fmt.Errorf("the claims: %w", err)
	}
	var sub string
	if err := json.Unmarshal(all.values["sub"], &sub); err != nil || sub == "" {
		fmt.Fprintln(e.Stderr, `The claims have no "sub", the ID of the user, as a string: a server with nuxtauth takes them for no session.`)
	}
	return all, nil
}

// readObject reads a JSON object.
func readObject(data []byte) (*claims, error) {
	c := &claims{values: map[string]json.RawMessage{}}
	dec := json.NewDecoder(strings.NewReader(string(data)))
	if first, err := dec.Token(); err != nil || first != json.Delim('{') {
		return nil, errors.New("they are no JSON object")
	}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return nil, err
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return nil, err
		}
		if _, there := c.values[name.(string)]; there {
			return nil, fmt.Errorf("%q is there twice", name)
		}
		c.set(name.(string), value)
	}
	if _, err := dec.Token(); err != nil {
		return nil, err
	}
	if dec.More() {
		return nil, errors.New("there is something after the JSON object")
	}
	return c, nil
}

func (c *claims) set(name string, value json.RawMessage) {
	if c.values == nil {
		c.values = map[string]json.RawMessage{}
	}
	c.names = append(c.names, name)
	c.values[name] = value
}

// add adds a claim if it has a value, and is not there.
func (c *claims) add(name string, value any) {
	if _, there := c.values[name]; there || value == "" {
		return
	}
	b, err := json.Marshal(value)
	if err != nil {
		panic(err) // strings and numbers
	}
	c.set(name, b)
}

// addTimes adds when the token was made, and when it expires.
func (c *claims) addTimes(now time.Time, maxAge time.Duration) {
	c.add("iat", now.Unix())
	c.add("exp", now.Add(maxAge).Unix())
	c.add("jti", rand.Text())
}

// addOrigin adds the sign-in from which the session comes, as the library does: RequireRecent
// reads it.
func (c *claims) addOrigin(now time.Time, provider string) {
	origin := map[string]any{"auth_time": now.Unix()}
	if provider != "" {
		origin["idp"], origin["idp_sub"] = provider, c.values["sub"]
	}
	c.add("nuxtauth", origin)
}

// json returns the object.
func (c *claims) json() ([]byte, error) {
	var b strings.Builder
	b.WriteByte('{')
	for i, name := range c.names {
		if i > 0 {
			b.WriteByte(',')
		}
		key, err := json.Marshal(name)
		if err != nil {
			return nil, err
		}
		b.Write(key)
		b.WriteByte(':')
		b.Write(c.values[name])
	}
	b.WriteByte('}')
	return []byte(b.String()), nil
}
