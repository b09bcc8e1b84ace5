package nuxtauth_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/authtest/hostile"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/internal/observe"
)

// An observer notes the operations that end, each with those that it is a part of.
type observer struct {
	mu  sync.Mutex
	ops []observed
}

type observed struct {
	nuxtauth.Operation
	path string // the names of the operations around it, and its own
	err  error
}

type pathKey struct{}

func (o *observer) observe(ctx context.Context, op nuxtauth.Operation) (context.Context, func(error)) {
	path := op.Name
	if outer, ok := ctx.Value(pathKey{}).(string); ok {
		path = outer + " > " + path
	}
	return context.WithValue(ctx, pathKey{}, path), func(err error) {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.ops = append(o.ops, observed{op, path, err})
	}
}

// take returns the operations that have ended since the last call.
func (o *observer) take() []observed {
	o.mu.Lock()
	defer o.mu.Unlock()
	ops := o.ops
	o.ops = nil
	return ops
}

// paths returns where the operations were that have ended since the last call, in order.
func (o *observer) paths() (all []string) {
	for _, op := range o.take() {
		all = append(all, op.path)
	}
	return all
}

func TestObserve_Operations(t *testing.T) {
	var o observer
	a := apptest.NewOpenIDApp(t, func(c *apptest.OpenIDConfig) { c.Observe = o.observe })
	check := func(what string, want ...string) {
		t.Helper()
		if got := o.paths(); !slices.Equal(got, want) {
			t.Errorf("%s: %s, want %s", what, strings.Join(got, ", "), strings.Join(want, ", "))
		}
	}
	a.Get("/me")
	check("signed out")
	to := a.Start("idp")
	check("the start", "api.csrf", "api.signin > provider.discovery", "api.signin")
	a.Follow(a.IDP.SignIn(t, to, "alice"))
	ops := o.take()
	for _, want := range []string{"api.callback > provider.token", "api.callback > provider.keys", "api.callback > provider.userinfo", "api.callback > session.save", "api.callback"} {
		if !slices.ContainsFunc(ops, func(op observed) bool { return op.path == want && op.Provider == "idp" && op.err == nil }) {
			t.Errorf("the callback has no %s: %v", want, ops)
		}
	}
	for _, op := range ops {
		if url := a.IDP.AsProvider("idp").Issuer + "/token"; op.Name == nuxtauth.OperationToken && (op.Method != "POST" || op.URL != url) {
			t.Errorf("the token request is %s %s, want POST %s", op.Method, op.URL, url)
		}
	}
	a.Get("/me")
	check("a request", "session.load")
	a.Clock.Advance(5*time.Minute - 10*time.Second)
	a.Get("/me")
	check("a refresh", "session.load > session.refresh > provider.token", "session.load > session.refresh", "session.load > session.save", "session.load")
	a.Session()
	check("session data", "api.session > session.load", "api.session")
	a.SignOut()
	check("a sign-out", "api.csrf", "api.signout")
}

// Package observe has the names too, because it does not import the root.
func TestObserve_NamesAreEqual(t *testing.T) {
	for name, want := range map[string]string{
		nuxtauth.OperationLoad: observe.Load, nuxtauth.OperationSave: observe.Save, nuxtauth.OperationRefresh: observe.Refresh,
		nuxtauth.OperationDiscovery: observe.Discovery, nuxtauth.OperationKeys: observe.Keys, nuxtauth.OperationToken: observe.Token,
		nuxtauth.OperationUserinfo: observe.Userinfo, nuxtauth.OperationAction: observe.Action,
	} {
		if name != want {
			t.Errorf("%s is %s in package observe", name, want)
		}
	}
}

// The errors say what became of an operation.
func TestObserve_Errors(t *testing.T) {
	var o observer
	st := apptest.NewStore()
	a := apptest.New(t, st.Use, func(c *apptest.Config) { c.Observe = o.observe })
	errorOf := func(name string) error {
		t.Helper()
		ops := o.take()
		i := slices.IndexFunc(ops, func(op observed) bool { return op.Name == name })
		if i < 0 {
			t.Fatalf("no %s in %v", name, ops)
		}
		return ops[i].err
	}
	hasCode := func(err error, code string) bool {
		own, ok := errors.AsType[*nuxtauth.Error](err)
		return ok && own.Code == code
	}
	a.Post("/api/auth/callback/credentials", a.CredentialsForm("ada", "wrong"))
	if err := errorOf("api.callback"); !hasCode(err, nuxtauth.CodeCredentialsSignIn) {
		t.Errorf("wrong credentials: %v", err)
	}
	a.SignIn()
	if err := errorOf("session.save"); err != nil {
		t.Errorf("a sign-in: %v", err)
	}
	st.Fail(errors.New("the store is down"))
	a.Get("/me")
	if err := errorOf("session.load"); !errors.Is(err, nuxtauth.ErrUnavailable) {
		t.Errorf("a store that is down: %v", err)
	}
	a.Session()
	if err := errorOf("api.session"); !errors.Is(err, nuxtauth.ErrUnavailable) {
		t.Errorf("session data of a store that is down: %v", err)
	}
	st.Fail(nil)
	copied := a.Copy()
	a.SignOut()
	o.take()
	copied.Get("/me")
	if err := errorOf("session.load"); !errors.Is(err, nuxtauth.ErrSignedOut) {
		t.Errorf("a session that has ended: %v", err)
	}

	b := apptest.NewOpenIDApp(t, func(c *apptest.OpenIDConfig) { c.Observe = o.observe })
	to := b.Start("idp")
	b.IDP.SetFaults(hostile.TokenServerError)
	b.Do(b.IDP.SignIn(t, to, "alice"))
	for _, op := range o.take() {
		switch op.Name {
		case nuxtauth.OperationToken:
			if answer, ok := errors.AsType[*nuxtauth.StatusError](op.err); !ok || answer.Status < 500 {
				t.Errorf("a token endpoint with a fault: %v", op.err)
			}
		case "api.callback":
			if !hasCode(op.err, nuxtauth.CodeOAuthCallback) {
				t.Errorf("a sign-in at a provider with a fault: %v", op.err)
			}
		}
	}
}

// Paths that clients make up are no operations.
func TestObserve_NamesAreThoseOfTheLibrary(t *testing.T) {
	var o observer
	a := apptest.New(t, func(c *apptest.Config) { c.Observe = o.observe })
	a.Get("/api/auth/nothing")
	a.Get("/api/auth/signin/nothing")
	for _, op := range o.take() {
		if op.Name != "api.signin" || op.Provider != "" {
			t.Errorf("%+v", op)
		}
	}
}

// An Observe that panics, or returns nothing, changes nothing.
func TestObserve_IsGuarded(t *testing.T) {
	for name, f := range map[string]func(context.Context, nuxtauth.Operation) (context.Context, func(error)){
		"nothing": func(context.Context, nuxtauth.Operation) (context.Context, func(error)) { return nil, nil },
		"panics":  func(context.Context, nuxtauth.Operation) (context.Context, func(error)) { panic("a bug") },
		"panics at the end": func(ctx context.Context, _ nuxtauth.Operation) (context.Context, func(error)) {
			return ctx, func(error) { panic("a bug") }
		},
	} {
		a := apptest.New(t, func(c *apptest.Config) { c.Observe = f })
		a.SignIn()
		if a.Session() == nil {
			t.Errorf("%s: not signed in", name)
		}
		if logged := strings.Contains(a.Log.String(), "a function panicked"); logged != (name != "nothing") {
			t.Errorf("%s: logged: %t", name, logged)
		}
	}
}

// Neither operations nor their errors have a secret.
func TestObserve_HasNoSecrets(t *testing.T) {
	var o observer
	a := apptest.NewOpenIDApp(t, func(c *apptest.OpenIDConfig) { c.Observe = o.observe })
	secrets := []string{apptest.Secret, a.IDP.AsProvider("idp").ClientSecret}
	remember := func() {
		for _, c := range a.Cookies() {
			secrets = append(secrets, c.Value)
		}
		for _, r := range a.IDP.Requests("/token") {
			for _, name := range []string{"code", "code_verifier", "refresh_token", "client_secret"} {
				secrets = append(secrets, r.Form.Get(name))
			}
		}
		if signedIn := a.Session() != nil; signedIn {
			secrets = append(secrets, a.AccessToken())
		}
	}
	for _, faults := range [][]hostile.Fault{nil, {hostile.TokenServerError}} {
		a.IDP.SetFaults(faults...)
		a.Do(a.IDP.SignIn(t, a.Start("idp"), "alice"))
		remember()
		a.Clock.Advance(5*time.Minute - 10*time.Second)
		a.Get("/api")
		remember()
	}
	a.IDP.SetFaults()
	a.SignOut()
	all := fmt.Sprintf("%+v", o.take())
	for _, secret := range secrets {
		if secret != "" && strings.Contains(all, secret) {
			t.Errorf("%q is in what Observe got", secret)
		}
	}
	if len(secrets) < 15 || len(all) < 1000 {
		t.Errorf("%d secrets, %d bytes", len(secrets), len(all))
	}
}
