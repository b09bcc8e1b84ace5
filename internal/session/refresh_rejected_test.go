package session_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/nuxtauth/nuxtauth/authtest/hostile"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/store"
)

// A findStore notes which sessions are to be read on a new connection.
type findStore struct {
	*store.Memory
	finds []bool
}

func (s *findStore) FindSession(ctx context.Context, handle string) (*store.Record, error) {
	s.finds = append(s.finds, store.NeedsNewConnection(ctx))
	return s.Memory.FindSession(ctx, handle)
}

// A new connection is made before a session ends, and for no other refresh.
func TestRefresh_NewConnectionBeforeEnd(t *testing.T) {
	for name, ends := range map[string]bool{"refreshed": false, "refused": true} {
		s := new(findStore)
		a := apptest.NewOpenIDApp(t, func(c *apptest.OpenIDConfig) {
			s.Memory = store.NewMemory(store.MemoryOptions{Now: c.Now})
			c.Session.Store = s
		})
		a.SignIn()
		a.Clock.Advance(6 * time.Minute)
		if ends {
			a.IDP.SetFaults(hostile.RefreshInvalidGrant)
		}
		s.finds = nil
		a.Get("/me")
		if slices.Contains(s.finds, true) != ends || s.finds[0] || ends && !s.finds[len(s.finds)-1] {
			t.Errorf("%s: reads on new connections: %v", name, s.finds)
		}
	}
}

// The answer of the provider could not be saved, and has expired when it can be: its refresh
// token is used, once it is saved.
func TestRefresh_UnsavedAnswerHasExpired(t *testing.T) {
	faults := func(n int) (errs []error) {
		for range n {
			errs = append(errs, apptest.ErrDown)
		}
		return errs
	}
	for name, tt := range map[string]struct {
		errs             []error
		writes, requests int
		fresh            bool
	}{
		"the store is up":         {faults(5), 7, 2, true},
		"the store is still down": {faults(15), 10, 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			apptest.Bubble(t, func(t *testing.T) {
				s := &erringStore{Store: apptest.NewStore(), errs: tt.errs}
				a := apptest.NewOpenIDApp(t, func(c *apptest.OpenIDConfig) {
					s.Memory = store.NewMemory(store.MemoryOptions{Now: c.Now})
					c.Session.Store = s
				})
				a.SignIn()
				a.IDP.SetAccessTokenLifetime(time.Minute)
				a.Clock.Advance(6*time.Minute + time.Second - time.Duration(a.Clock.Now().Nanosecond()))
				if got := a.AccessToken(); got != "" {
					t.Fatalf("the access token is %q, although the store is down", got)
				}
				a.Clock.Advance(time.Minute)
				if got := a.AccessToken(); (got != "") != tt.fresh {
					t.Errorf("the access token is %q", got)
				}
				if n := a.Refreshes(); s.replaced != tt.writes || n != tt.requests {
					t.Errorf("%d writes and %d token requests, want %d and %d", s.replaced, n, tt.writes, tt.requests)
				}
			})
		})
	}
}

// A repeatingTransport has a provider answer with the refresh token that it was sent.
type repeatingTransport struct{}

func (repeatingTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	refresh := isRefresh(r)
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil || !refresh {
		return res, err
	}
	sent, err := r.GetBody()
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(sent)
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(text))
	if err != nil {
		return nil, err
	}
	answer := make(map[string]any)
	if err := json.UnmarshalRead(res.Body, &answer); err != nil {
		return nil, err
	}
	res.Body.Close()
	answer["refresh_token"] = form.Get("refresh_token")
	body, err := json.Marshal(answer)
	res.Body, res.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	res.Header.Del("Content-Length")
	return res, err
}

// A provider that keeps its refresh tokens may send the same one again.
func TestRefresh_SameTokenInAnswer(t *testing.T) {
	a := apptest.NewOpenIDApp(t, func(c *apptest.OpenIDConfig) { c.HTTPClient = &http.Client{Transport: repeatingTransport{}} })
	a.IDP.SetFaults(hostile.RefreshNotRotated)
	a.SignIn()
	a.IDP.SetAccessTokenLifetime(10 * time.Minute)
	a.Clock.Advance(6 * time.Minute)
	late := a.Copy()
	first := a.AccessToken()
	a.Clock.Advance(10 * time.Second)
	if second := late.AccessToken(); first == "" || second == "" || second == first || a.Refreshes() != 2 {
		t.Errorf("ten seconds later an old cookie gets %q after %q, %d token requests", second, first, a.Refreshes())
	}
}
