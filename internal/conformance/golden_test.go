package conformance_test

import (
	"bufio"
	"cmp"
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/nuxtauth/nuxtauth"
)

// The recordings in testdata/golden are exchanges of next-auth 4.24.15 and @auth/core
// 0.41.3. Each recorded request is sent to an application with the same configuration
// and secret, and the responses are compared line by line. goldenDifferences lists the
// deliberate deviations, with reasons.

func TestGolden_NextAuthV4(t *testing.T) {
	replay(t, "../../testdata/golden/v4.jsonl", nuxtauth.NextAuth, goldenDifferences)
}

func TestGolden_AuthJSV5(t *testing.T) {
	replay(t, "../../testdata/golden/v5.jsonl", nuxtauth.AuthJS, goldenDifferences)
}

// goldenExchange is one line of a recording.
type goldenExchange struct {
	ID, Scenario, Step, Config string

	BaseURL string
	Request struct {
		Method, Path string
		Headers      map[string]string
		Form         map[string]string
		JSON         jsontext.Value
		Raw          string
	}
	Response struct {
		Status       int
		Headers      map[string]string
		RawSetCookie []string
		Body         string
		HTML         struct{ Forms []goldenForm }
	}
	ServerCalls      []goldenCall
	ProviderRequests []goldenProviderRequest

	// Only in the recordings with users.
	At      time.Time
	Browser string
	Before  []string // SQL
	Fault   struct{ Method string }
	Hook    *goldenHook
	Person  map[string]any
	Mails   []goldenMail
}

// goldenForm is a form of a page.
type goldenForm struct {
	Action, Method string
	Inputs         []goldenInput
}

type goldenInput struct{ Type, Name, ID string }

// goldenCall is one call of a function of the application, with its arguments.
type goldenCall struct {
	Fn   string
	Args any
}

// goldenProviderRequest is a request to the identity provider.
type goldenProviderRequest struct {
	Method, Path string
	Headers      map[string]string
	Form         map[string]string
	Response     struct{ JSON map[string]any } // only in the recordings with users
}

// goldenRecording is a file of exchanges. The exchanges of a scenario are in order, and
// of one browser.
type goldenRecording struct {
	meta struct {
		Secret, FakeProvider string
		RecordedAt           time.Time
	}
	exchanges []goldenExchange
}

func readRecording(t *testing.T, name string) *goldenRecording {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rec := new(goldenRecording)
	var into any = &rec.meta // the first line
	var file io.Reader = f
	if strings.HasSuffix(name, ".gz") {
		if file, err = gzip.NewReader(f); err != nil {
			t.Fatal(err)
		}
	}
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if err := json.Unmarshal(lines.Bytes(), into, json.MatchCaseInsensitiveNames(true)); err != nil {
			t.Fatal(err)
		}
		if e, ok := into.(*goldenExchange); ok {
			for i, call := range e.ServerCalls { // the recordings with users have the fields alone
				if fields, ok := call.Args.(jsObject); ok && call.Fn == "authorize" && fields["credentials"] == nil {
					e.ServerCalls[i].Args = jsObject{"credentials": fields}
				}
			}
			rec.exchanges = append(rec.exchanges, *e)
		}
		into = new(goldenExchange)
	}
	want := map[string]int{"accounts-v4.jsonl.gz": 399, "accounts-v5.jsonl.gz": 480}[filepath.Base(name)]
	if want = cmp.Or(want, 298); lines.Err() != nil || len(rec.exchanges) != want {
		t.Fatalf("%d exchanges, want %d (%v)", len(rec.exchanges), want, lines.Err())
	}
	return rec
}

func replay(t *testing.T, file string, protocol nuxtauth.Protocol, table []goldenDifference) {
	for _, name := range []string{"AUTH_SECRET", "NEXTAUTH_SECRET", "AUTH_URL", "NEXTAUTH_URL"} {
		t.Setenv(name, "")
	}
	rec := readRecording(t, file)
	provider := newGoldenProvider(t, rec.meta.FakeProvider, rec.meta.RecordedAt)
	differences := differencesOf(protocol, table)
	for todo := rec.exchanges; len(todo) > 0; {
		first := todo[0]
		n := slices.IndexFunc(todo, func(e goldenExchange) bool { return e.Config != first.Config || e.Scenario != first.Scenario })
		if n < 0 {
			n = len(todo)
		}
		if differences.skip(todo[:n]) {
			todo = todo[n:]
			continue
		}
		t.Run(first.Config+"/"+first.Scenario, func(t *testing.T) {
			p := newPlayer(t, rec, protocol, provider, &first)
			for i := range n {
				differences.compare(t, &todo[i], p.recorded(&todo[i]), p.play(&todo[i]))
			}
		})
		todo = todo[n:]
	}
	if !t.Failed() {
		differences.checkUse(t)
	}
}

// player is an application of this library, and the browser of one scenario.
type player struct {
	*testing.T
	rec      *goldenRecording
	protocol nuxtauth.Protocol
	provider *goldenProvider
	handler  http.Handler
	newError error        // of New
	calls    []goldenCall // of the present exchange
	started  *startedFlow
	sessions map[string]string // the player's session tokens, by recorded ones that are no JWE

	// Only with users.
	now      time.Time // of the present exchange
	hook     *goldenHook
	users    *goldenUsers
	database bool                      // sessions are in it
	throws   bool                      // each event
	browsers map[string]*goldenBrowser // by name
	links    map[string]string         // the player's tokens of links, by recorded ones
	mails    []goldenMail              // of the present exchange
	shutdown func(context.Context) error

	deleteUser func(ctx context.Context, subject string) error
}

// startedFlow is a sign-in that is not completed: the values of the recorded browser, and
// those of the player's.
type startedFlow struct {
	recordedState  string
	recordedChecks []string // cookies, as name=value
	state          string
	check          string // cookie, as name=value
}

func newPlayer(t *testing.T, rec *goldenRecording, protocol nuxtauth.Protocol, provider *goldenProvider, e *goldenExchange) *player {
	p := &player{T: t, rec: rec, protocol: protocol, provider: provider, sessions: make(map[string]string), links: make(map[string]string), browsers: make(map[string]*goldenBrowser), now: cmp.Or(e.At, rec.meta.RecordedAt)}
	p.start(e)
	return p
}

// start starts the application, or starts it again.
func (p *player) start(e *goldenExchange) {
	auth, err := nuxtauth.New(p.config(e))
	if err != nil {
		p.newError = err
		return
	}
	engine := gin.New()
	engine.Use(auth.Middleware())
	p.handler, p.shutdown, p.deleteUser = engine, auth.Shutdown, auth.DeleteUser
}

// recorded returns the recorded response, in lines.
func (p *player) recorded(e *goldenExchange) []string {
	p.now = cmp.Or(e.At, p.rec.meta.RecordedAt)
	h := make(http.Header)
	for name, value := range e.Response.Headers {
		h.Set(name, value)
	}
	h["Set-Cookie"] = e.Response.RawSetCookie
	return p.observe(e, goldenAnswer{e.Response.Status, h, e.Response.Body, e.Response.HTML.Forms, e.ServerCalls, e.ProviderRequests, e.Mails})
}

// play sends the recorded request to the application and returns its response, in
// lines.
func (p *player) play(e *goldenExchange) []string {
	if p.newError != nil {
		return []string{"New: " + p.newError.Error()}
	}
	p.calls, p.mails = nil, nil
	p.provider.prepare(e)
	if p.users != nil {
		p.before(e)
		p.hook, p.users.fault = e.Hook, e.Fault.Method
	}
	w, r := httptest.NewRecorder(), p.request(e)
	p.handler.ServeHTTP(w, r)
	w = p.confirm(e, w, r)
	if err := p.shutdown(p.Context()); err != nil { // the mails are sent after the response
		p.Fatal(err)
	}
	if e.Fault.Method == "createVerificationToken" { // or no mail is sent in the next 30 seconds
		p.start(e)
	}
	p.store(e, w.Result())
	body := w.Body.String()
	return p.observe(e, goldenAnswer{w.Code, w.Header(), body, formsOf(body), p.calls, p.provider.requests, p.mails})
}

// request returns the recorded request. Its session and CSRF tokens are unchanged: they
// are valid here, because Node sealed them with the same secret.
func (p *player) request(e *goldenExchange) *http.Request {
	body := e.Request.Raw + string(e.Request.JSON)
	if e.Request.Form != nil {
		form := make(url.Values)
		for name, value := range e.Request.Form {
			form.Set(name, value)
		}
		p.asks(e, form)
		body = form.Encode()
	}
	r := httptest.NewRequest(e.Request.Method, e.BaseURL+p.link(p.path(e, e.Request.Path)), strings.NewReader(body))
	for name, value := range e.Request.Headers {
		r.Header.Set(name, value)
	}
	cookies := r.Header.Get("Cookie")
	if e.Browser != "" {
		cookies = p.browser(e).cookies(p, cookies)
	} else if cookies != "" {
		cookies = p.cookies(cookies)
	}
	if r.Header.Del("Cookie"); cookies != "" {
		r.Header.Set("Cookie", cookies)
	}
	return r
}

// path returns a recorded path with the state of the player's sign-in, also if the
// recorded one has none, as in v5.
func (p *player) path(e *goldenExchange, recorded string) string {
	if e.Browser != "" {
		p.started = p.browser(e).started
	}
	path, query, _ := strings.Cut(recorded, "?")
	values, err := url.ParseQuery(query)
	if p.started == nil || err != nil || !values.Has("code") || values.Get("state") != p.started.recordedState {
		return recorded
	}
	values.Set("state", p.started.state)
	return path + "?" + values.Encode()
}

var checkCookie = regexp.MustCompile(`\.(state|nonce|pkce\.code_verifier)=.`)

// cookies returns the recorded cookies after two changes: the check cookie of the
// player's sign-in replaces those for state, nonce and verifier, if all are present, and
// the player's session token replaces the key of a session in a database.
func (p *player) cookies(recorded string) string {
	var pairs, checks []string
	for pair := range strings.SplitSeq(recorded, "; ") {
		name, value, _ := strings.Cut(pair, "=")
		switch {
		case checkCookie.MatchString(pair):
			checks = append(checks, pair)
		case p.sessions[value] != "":
			pairs = append(pairs, name+"="+p.sessions[value])
		default:
			pairs = append(pairs, pair)
		}
	}
	if p.started != nil && slices.Equal(checks, p.started.recordedChecks) {
		pairs = append(pairs, p.started.check)
	}
	return strings.Join(pairs, "; ")
}

// store keeps the values of both responses that later requests of the scenario need.
func (p *player) store(e *goldenExchange, res *http.Response) {
	started := new(startedFlow)
	set := make(map[string]string)
	for _, c := range res.Cookies() {
		set[c.Name] = c.Value
		if strings.Contains(c.Name, ".state.") {
			started.check = c.Name + "=" + c.Value
		}
	}
	for _, line := range e.Response.RawSetCookie {
		pair, _, _ := strings.Cut(line, ";")
		name, value, _ := strings.Cut(pair, "=")
		if checkCookie.MatchString(pair) {
			started.recordedChecks = append(started.recordedChecks, pair)
		}
		if token := set[name]; token != "" && uuid.MatchString(value) {
			p.sessions[value] = token
		}
	}
	for i, m := range e.Mails {
		if i < len(p.mails) {
			p.links[p.tokenOf(m.URL)] = p.tokenOf(p.mails[i].URL)
		}
	}
	if e.Browser != "" {
		recorded := http.Response{Header: http.Header{"Set-Cookie": e.Response.RawSetCookie}}
		p.browser(e).receive(recorded.Cookies(), res.Cookies())
	}
	location, err := res.Location()
	if err != nil || !location.Query().Has("code_challenge") {
		return
	}
	recorded, err := url.Parse(e.Response.Headers["location"])
	if err != nil {
		p.Fatal(err)
	}
	started.state, started.recordedState = location.Query().Get("state"), recorded.Query().Get("state")
	p.started = started
	if e.Browser != "" {
		p.browser(e).started = started
	}
	p.provider.start(location.Query())
}
