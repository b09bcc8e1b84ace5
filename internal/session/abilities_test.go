package session_test

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/internal/session"
	"github.com/nuxtauth/nuxtauth/provider"
	"github.com/nuxtauth/nuxtauth/store"
)

// sharedStore is a store with every ability that is not in the memory of one process alone.
func sharedStore() store.Sessions {
	s := apptest.NewStore()
	s.Memory = newMemory()
	return s
}

func newMemory() *store.Memory { return store.NewMemory(store.MemoryOptions{}) }

// The interfaces of a store each hide the other abilities.
type (
	sessionsOnly struct{ store.Sessions }
	withIndex    struct {
		store.Sessions
		store.Index
	}
	decorator struct{ store.Sessions }
)

func (d decorator) Unwrap() store.Sessions { return d.Sessions }

func TestNewAbilities_Mistakes(t *testing.T) {
	shared := sharedStore()
	only := sessionsOnly{shared}
	for name, tt := range map[string]struct {
		in   session.Storage
		want []string // a part of each mistake
	}{
		"cookies":                                {session.Storage{}, nil},
		"cookies, provider tokens":               {session.Storage{ProviderTokens: true}, nil},
		"deny-list":                              {session.Storage{DenyList: newMemory()}, nil},
		"store":                                  {session.Storage{Store: only}, nil},
		"every ability":                          {session.Storage{Store: shared, Adopt: true, ProviderTokens: true}, nil},
		"a decorator":                            {session.Storage{Store: decorator{shared}, Adopt: true, ProviderTokens: true}, nil},
		"a store and a deny-list":                {session.Storage{Store: shared, DenyList: newMemory()}, []string{"leave it out"}},
		"nothing to adopt into":                  {session.Storage{Adopt: true}, []string{"set Session.Store"}},
		"adopt with a deny-list":                 {session.Storage{Adopt: true, DenyList: newMemory()}, []string{"set Session.Store"}},
		"adopt without an index":                 {session.Storage{Store: only, Adopt: true}, []string{"session_test.sessionsOnly is no store.Index"}},
		"provider tokens without a lock":         {session.Storage{Store: only, ProviderTokens: true}, []string{"session_test.sessionsOnly is no store.Locker"}},
		"neither an index nor a lock":            {session.Storage{Store: only, Adopt: true, ProviderTokens: true}, []string{"no store.Index", "no store.Locker"}},
		"an index without marks is enough":       {session.Storage{Store: withIndex{shared, newMemory()}, Adopt: true}, nil},
		"a store and a deny-list, without locks": {session.Storage{Store: only, DenyList: newMemory(), ProviderTokens: true}, []string{"leave it out", "no store.Locker"}},
	} {
		_, err := session.NewAbilities(slog.New(slog.DiscardHandler), tt.in)
		text := ""
		if err != nil {
			text = err.Error()
		}
		if lines := strings.Count(text, "nuxtauth: "); lines != len(tt.want) {
			t.Errorf("%s: %d mistakes, want %d: %s", name, lines, len(tt.want), text)
		}
		for _, want := range tt.want {
			if !strings.Contains(text, want) {
				t.Errorf("%s: the error has no %q: %s", name, want, text)
			}
		}
	}
}

// Logout tokens are remembered where all processes see it, and never in the memory that has
// the sessions or the deny-list: they would take the place of those.
func TestLogoutReplay_Storage(t *testing.T) {
	now := func() time.Time { return time.Unix(1_800_000_000, 0) }
	shared, memory := sharedStore(), newMemory()
	for name, tt := range map[string]struct {
		in   session.Storage
		want store.Marks // nil: another one
		not  store.Marks
	}{
		"cookies":                        {session.Storage{}, nil, nil},
		"deny-list":                      {session.Storage{DenyList: shared.(store.Marks)}, shared.(store.Marks), nil},
		"store":                          {session.Storage{Store: shared}, shared.(store.Marks), nil},
		"adopt":                          {session.Storage{Store: shared, Adopt: true}, shared.(store.Marks), nil},
		"store without marks":            {session.Storage{Store: sessionsOnly{shared}}, nil, shared.(store.Marks)},
		"deny-list in memory":            {session.Storage{DenyList: memory}, nil, memory},
		"store in memory":                {session.Storage{Store: memory}, nil, memory},
		"adopt in memory":                {session.Storage{Store: memory, Adopt: true}, nil, memory},
		"a decorator of a memory":        {session.Storage{Store: decorator{memory}}, nil, memory},
		"a decorator of a shared store":  {session.Storage{Store: decorator{shared}}, shared.(store.Marks), nil},
		"a store whose marks are hidden": {session.Storage{Store: sessionsOnly{memory}}, nil, memory},
	} {
		abilities, err := session.NewAbilities(slog.New(slog.DiscardHandler), tt.in)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		used := abilities.LogoutReplay(now)
		at, first, err := used.Mark(t.Context(), name, time.Minute)
		if err != nil || !first {
			t.Errorf("%s: a logout token is refused: %t, %v", name, first, err)
		}
		if own := tt.want == nil; own && at/1e6 != now().Unix() {
			t.Errorf("%s: the mark is of %d, by another clock", name, at)
		}
		if _, again, err := used.Mark(t.Context(), name, time.Minute); err != nil || again {
			t.Errorf("%s: a logout token is accepted twice: %v", name, err)
		}
		for marks, want := range map[store.Marks]bool{tt.want: true, tt.not: false} {
			if marks == nil {
				continue
			}
			if found, err := marks.Marked(t.Context(), name); err != nil || (found[0] != 0) != want {
				t.Errorf("%s: the store has the logout token: %v, want %t; %v", name, found, want, err)
			}
		}
	}
}

// Logouts that come from a provider are refused where they could end nothing.
func TestCheckProvider_Storage(t *testing.T) {
	shared := sharedStore()
	federated, backchannel := provider.Provider{FederatedLogout: true}, provider.Provider{BackchannelLogout: true}
	both := provider.Provider{FederatedLogout: true, BackchannelLogout: true}
	for name, tt := range map[string]struct {
		in   session.Storage
		p    provider.Provider
		want string // a part of the error; "" for none
	}{
		"cookies, none":                  {session.Storage{}, provider.Provider{}, ""},
		"cookies, federated":             {session.Storage{}, federated, ""},
		"cookies, back-channel":          {session.Storage{}, backchannel, "set Session.DenyList or Session.Store"},
		"cookies, both":                  {session.Storage{}, both, "set Session.DenyList or Session.Store"},
		"deny-list, back-channel":        {session.Storage{DenyList: newMemory()}, backchannel, ""},
		"deny-list, both":                {session.Storage{DenyList: newMemory()}, both, ""},
		"store, none":                    {session.Storage{Store: sessionsOnly{shared}}, provider.Provider{}, ""},
		"store, federated":               {session.Storage{Store: sessionsOnly{shared}}, federated, "session_test.sessionsOnly is no store.Index"},
		"store, back-channel":            {session.Storage{Store: sessionsOnly{shared}}, backchannel, "session_test.sessionsOnly is no store.Index"},
		"store with an index, federated": {session.Storage{Store: withIndex{shared, newMemory()}}, federated, ""},
		"store with an index, both":      {session.Storage{Store: withIndex{shared, newMemory()}}, both, ""},
	} {
		abilities, err := session.NewAbilities(slog.New(slog.DiscardHandler), tt.in)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		err = abilities.CheckProvider(tt.p)
		if (err != nil) != (tt.want != "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: the error is %v, want %q", name, err, tt.want)
		}
	}
}

// The mistake of a storage brings no second one about the deny-list that it has.
func TestCheckProvider_AfterMistake(t *testing.T) {
	abilities, err := session.NewAbilities(slog.New(slog.DiscardHandler), session.Storage{DenyList: newMemory(), Adopt: true})
	if err == nil {
		t.Fatal("sessions are adopted without a store")
	}
	if err := abilities.CheckProvider(provider.Provider{BackchannelLogout: true}); err != nil {
		t.Errorf("the provider needs what there is: %v", err)
	}
}
