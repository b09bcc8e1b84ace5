package integration_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth/authtest"
)

// appEnv has a job. If it is set, this program is a replica of the application, see
// refresher.
const appEnv = "NUXTAUTH_TEST_APP"

// A job is the input of a replica.
type job struct {
	Setup  setup
	Cookie string
}

const goroutines = 50

func background() context.Context { return context.Background() }

// inEachStore runs a test with each kind of store that processes can share.
func inEachStore(t *testing.T, test func(t *testing.T, p setup)) {
	inEach(t, func(t *testing.T, s source) { test(t, setup{Driver: s.driver, Name: s.name}) })
	t.Run("Redis", func(t *testing.T) {
		r := startRedis(t)
		noLeaks(t)
		test(t, setup{Driver: "redis", Name: r.socket})
	})
}

// A provider that rotates refresh tokens accepts each once. Of two replicas that send the
// same, one would end the session.
func TestRefresh_OnceForTwoProcesses(t *testing.T) {
	inEachStore(t, func(t *testing.T, p setup) {
		idp := authtest.IDPConfig{Users: authtest.DefaultUsers(), SigningAlgorithm: "ES256", AccessTokenLifetime: time.Second}.Start(t)
		p.Issuer, p.ClientID, p.ClientSecret = idp.Issuer(), idp.ClientID(), idp.ClientSecret()
		s, done, err := p.open()
		if err != nil {
			t.Fatal(err)
		}
		defer done()
		app, _, err := p.newApp(s, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		cookie := signInAt(t, app, idp, "alice")
		idp.SetAccessTokenLifetime(time.Hour)

		input, err := json.Marshal(job{p, cookie.Value})
		if err != nil {
			t.Fatal(err)
		}
		program, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		stdin, start, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer stdin.Close()
		defer start.Close()
		type process struct {
			*exec.Cmd
			out    io.Reader
			errors bytes.Buffer
		}
		var replicas []*process
		for range 2 {
			r := &process{Cmd: exec.CommandContext(t.Context(), program)}
			r.Env = append(os.Environ(), appEnv+"="+string(input))
			r.Stdin, r.Stderr = stdin, &r.errors
			if r.out, err = r.StdoutPipe(); err != nil {
				t.Fatal(err)
			}
			if err := r.Start(); err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadFull(r.out, make([]byte, 1)); err != nil {
				t.Errorf("a replica does not begin: %v\n%s", err, &r.errors)
			}
			replicas = append(replicas, r)
		}
		start.Close() // each continues at the end of its input
		tokens := make(map[string]int)
		for _, r := range replicas {
			var got map[string]int
			if err := json.NewDecoder(r.out).Decode(&got); err != nil {
				t.Errorf("a replica wrote no result: %v\n%s", err, &r.errors)
			}
			if err := r.Wait(); err != nil {
				t.Errorf("a replica ended with %v\n%s", err, &r.errors)
			}
			for answer, n := range got {
				tokens[answer] += n
			}
		}
		refreshes := 0
		for _, r := range idp.Requests("/token") {
			if r.Form.Get("grant_type") == "refresh_token" {
				refreshes++
			}
		}
		if refreshes != 1 || len(tokens) != 1 {
			t.Errorf("%d token requests; the answers: %v", refreshes, tokens)
		}
		if w := get(app, "/private", cookie); w.Code != http.StatusOK || w.Body.String() == "" {
			t.Errorf("afterwards the session answers %d %s", w.Code, w.Body)
		}
	})
}

// refresher is the main function of each process: it requests the access token many times
// at once, and writes the number of each answer. It returns the exit code.
func refresher(input string) int {
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	fail := func(err error) int {
		log.Error(err.Error())
		return 1
	}
	var j job
	if err := json.Unmarshal([]byte(input), &j); err != nil {
		return fail(err)
	}
	s, done, err := j.Setup.open()
	if err != nil {
		return fail(err)
	}
	defer done()
	app, _, err := j.Setup.newApp(s, log)
	if err != nil {
		return fail(err)
	}
	os.Stdout.WriteString(".") // ready
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		return fail(err)
	}
	var mu sync.Mutex
	answers := make(map[string]int)
	var wg sync.WaitGroup
	for range goroutines {
		wg.Go(func() {
			cookie := &http.Cookie{Name: "next-auth.session-token", Value: j.Cookie}
			w := get(app, "/api", cookie)
			for end := time.Now().Add(longTimeout); strings.Contains(w.Body.String(), "can't be checked") && time.Now().Before(end); {
				w = get(app, "/api", cookie) // on a slow machine a call may exceed the store's timeout
			}
			mu.Lock()
			defer mu.Unlock()
			answers[http.StatusText(w.Code)+" "+w.Body.String()]++
		})
	}
	wg.Wait()
	if err := json.NewEncoder(os.Stdout).Encode(answers); err != nil {
		return fail(err)
	}
	return 0
}
