package cli

import (
	"bytes"
	"context"
	stdjson "encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/nuxtauth/nuxtauth/cmd/nuxtauth/internal/sealed"
	"github.com/nuxtauth/nuxtauth/token"
)

var decodeCommand = command{
	name:    "decode",
	summary: "show the claims of a session cookie",
	usage:   "[flags] < cookies",
	help: `It reads what you have copied of a session from its input: a Cookie header, Set-Cookie
lines, the rows of a browser's tools, a command of "Copy as cURL", the cookie file of
curl, an Authorization header, or the token alone. Chunks (.0, .1) are joined. It finds
out the protocol, next-auth v4 or Auth.js v5, and verifies signed tokens too.

The claims are the output, in JSON; what there is to say about them, such as when the
session expires, goes to the standard error. The status is 1 if no token is valid, and
the standard error says why.

The secret is AUTH_SECRET or NEXTAUTH_SECRET. Lines of more than 4095 bytes can't be
pasted into a terminal: use a file or a pipe.`,
	example: `  nuxtauth decode -env .env < cookies.txt
  pbpaste | nuxtauth decode -env .env
  nuxtauth decode < cookies.txt | jq .sub
`,
	run: runDecode,
}

// maxInput is the length of the longest input, in bytes.
const maxInput = 4 << 20

func runDecode(ctx context.Context, e *Env, c *call) error {
	var secrets secretFlags
	var protocol protocolFlag
	secrets.define(c)
	c.flags.Var(&protocol, "protocol", "the `protocol` of the server, next-auth or authjs: a token of the other one is an error")
	name := c.flags.String("cookie", "", "the `name` of the session cookie, if it does not end in .session-token")
	expired := c.flags.Bool("expired", false, "print the claims also if the token has expired, or is not valid yet")
	if err := c.parse(0); err != nil {
		return err
	}
	found, err := readValues(e, *name)
	if err != nil {
		return err
	}
	keys, noKeys := secrets.find(e)
	if _, wrong := errors.AsType[usageError](noKeys); wrong {
		return noKeys
	}
	valid := 0
	for i, v := range found {
		if i > 0 {
			fmt.Fprintln(e.Stderr)
		}
		if opened := open(ctx, e, v, protocol.Protocol, keys, noKeys); opened != nil && printOpened(e, v, opened, *expired) {
			valid++
		}
	}
	if valid == 0 {
		return errReported
	}
	return nil
}

// readValues reads the sessions of the input.
func readValues(e *Env, cookieName string) ([]sealed.Value, error) {
	if e.StdinTerminal {
		fmt.Fprintln(e.Stderr, "Paste the cookies or the token, and type Ctrl-D in a new line:")
	}
	input, err := io.ReadAll(io.LimitReader(e.Stdin, maxInput+1))
	if err != nil {
		return nil, fmt.Errorf("the input: %w", err)
	}
	if len(input) > maxInput {
		return nil, fmt.Errorf("the input has more than %d MB", maxInput>>20)
	}
	found, err := sealed.Find(string(input), cookieName)
	if e.StdinTerminal && longestLine(input) >= 4095 {
		err = errors.Join(err, errors.New("a line has 4095 bytes, where terminals cut: use a file or a pipe"))
	}
	return found, err
}

func longestLine(b []byte) int {
	longest := 0
	for line := range bytes.Lines(b) {
		longest = max(longest, len(bytes.TrimRight(line, "\r\n")))
	}
	return longest
}

// open opens the token of one session, or prints why it does not open. noKeys is the reason
// why there are no keys.
func open(ctx context.Context, e *Env, v sealed.Value, p sealed.Protocol, keys []sealed.Secret, noKeys error) *sealed.Opened {
	opened, err := sealed.Open(ctx, v, p, keys)
	if errors.Is(err, sealed.ErrNoSecret) {
		err = noKeys
	}
	if err == nil {
		return opened
	}
	fmt.Fprintf(e.Stderr, "%s: %s\n", title(v), printable(err.Error()))
	if unverified, ok := errors.AsType[*sealed.UnverifiedError](err); ok {
		fmt.Fprintf(e.Stderr, "Its claims, which any client may have written:\n%s\n", indent(unverified.Claims))
	}
	return nil
}

func title(v sealed.Value) string {
	if v.Name == "" {
		return "the token"
	}
	return printable(v.Name)
}

// printOpened prints the claims of a token, and reports whether it is valid, or shown all
// the same.
func printOpened(e *Env, v sealed.Value, opened *sealed.Opened, expired bool) bool {
	how := "sealed by " + opened.Protocol.String()
	if opened.Protocol == sealed.Signed {
		how = "a signed JWT, whose claims any client can read"
	}
	if v.Name == "" && opened.Cookie != "" {
		how += " for the cookie " + opened.Cookie
	}
	fmt.Fprintf(e.Stderr, "%s: %s, opened with %s\n", title(v), how, opened.Secret)

	now := e.Now()
	times, words, err := readTimes(opened.Claims, now)
	for _, line := range words {
		fmt.Fprintln(e.Stderr, line)
	}
	switch {
	case err == nil:
	case errors.Is(err, token.ErrExpired):
		fmt.Fprintf(e.Stderr, "It has expired, and servers refuse it%s\n", shown(expired))
	case errors.Is(err, token.ErrNotYetValid):
		fmt.Fprintf(e.Stderr, "It is not valid before %s (nbf), and servers refuse it until then%s\n", stamp(times.notBefore.Time()), shown(expired))
	default:
		fmt.Fprintf(e.Stderr, "Servers refuse it: %s%s\n", printable(err.Error()), shown(expired))
	}
	if err == nil && times.subject == "" {
		fmt.Fprintln(e.Stderr, `It has no "sub", the ID of the user: a server with nuxtauth takes it for no session.`)
	}
	if err != nil && !expired {
		return false
	}
	fmt.Fprintf(e.Stdout, "%s\n", indent(opened.Claims))
	return true
}

// shown ends a sentence about a token that is not valid.
func shown(expired bool) string {
	if expired {
		return "."
	}
	return ": -expired prints its claims."
}

// times are the claims about which decode has something to say.
type times struct {
	subject                     string
	written, expires, notBefore token.NumericDate
	signedIn                    token.NumericDate
}

// readTimes returns the times of claims, what they mean in words, and the error with which
// servers refuse them.
func readTimes(claims []byte, now time.Time) (t times, words []string, err error) {
	var all, origin map[string]jsontext.Value
	_ = json.Unmarshal(claims, &all) // Verify says what is wrong
	read(all, "nuxtauth", &origin)
	read(all, "sub", &t.subject)
	read(origin, "auth_time", &t.signedIn)
	read(all, "iat", &t.written)
	read(all, "exp", &t.expires)
	read(all, "nbf", &t.notBefore)
	for _, line := range []struct {
		text string
		at   token.NumericDate
	}{{"signed in", t.signedIn}, {"written", t.written}, {"expires", t.expires}} {
		if line.at == 0 {
			continue
		}
		at := line.at.Time()
		if line.text == "expires" && !at.After(now) {
			line.text = "expired"
		}
		words = append(words, fmt.Sprintf("%-10s %s, %s", line.text, stamp(at), relative(at, now)))
	}
	return t, words, token.Verify(claims, now)
}

// read decodes a member, which stays as it is if it is of another type.
func read[T any](members map[string]jsontext.Value, name string, v *T) {
	var value T
	if json.Unmarshal(members[name], &value) == nil {
		*v = value
	}
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

// relative says how far a time is from now, in the largest unit of which it is more than
// one.
func relative(t, now time.Time) string {
	d := t.Sub(now).Round(time.Second)
	if d == 0 {
		return "now"
	}
	text := duration(d.Abs())
	if d < 0 {
		return text + " ago"
	}
	return "in " + text
}

func duration(d time.Duration) string {
	for _, unit := range []struct {
		name string
		size time.Duration
	}{{"day", 24 * time.Hour}, {"hour", time.Hour}, {"minute", time.Minute}, {"second", time.Second}} {
		if n := int64(d / unit.size); n > 1 {
			return fmt.Sprintf("%d %ss", n, unit.name)
		}
	}
	return "1 second"
}

// indent formats JSON for a reader. The values stay as they are, but for characters that
// change what a terminal shows.
func indent(claims []byte) string {
	var b bytes.Buffer
	if err := stdjson.Indent(&b, claims, "", "  "); err != nil {
		return printable(string(claims))
	}
	return escape(b.String(), func(r rune) string { return fmt.Sprintf(`\u%04x`, r) })
}

// printable returns a text of another program with the characters escaped that change
// what a terminal shows.
func printable(s string) string {
	return escape(s, func(r rune) string { return fmt.Sprintf(`\u%04x`, r) })
}

// oneLine is printable for a text that has to stay in its line.
func oneLine(s string) string {
	return strings.ReplaceAll(printable(s), "\n", `\n`)
}

func escape(s string, as func(rune) string) string {
	var b strings.Builder
	for _, r := range s {
		if r != '\n' && r != '\t' && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)) {
			b.WriteString(as(r))
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}
