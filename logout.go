package nuxtauth

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/go-json-experiment/json"

	"github.com/nuxtauth/nuxtauth/internal/flow"
	"github.com/nuxtauth/nuxtauth/provider"
	"github.com/nuxtauth/nuxtauth/store"
	"github.com/nuxtauth/nuxtauth/token"
)

// SignOut ends the session on this response, so call it before the body.
// Signed out already, it does nothing. An error says that the store or the
// deny-list did not answer: the session goes on, and so does the cookie. It ends
// no session at a provider: that takes the browser, and POST /api/auth/signout.
func (a *Auth[T, S]) SignOut(c *gin.Context) error {
	_, k, err := a.place(c.Request)
	if err != nil {
		return err
	}
	_, err = a.signOut(c, k)
	return err
}

// signOut ends the session of a request and clears its cookies. It returns the
// session that there was, if any.
func (a *Auth[T, S]) signOut(c *gin.Context, k *kit) (*held[T], error) {
	ctx := c.Request.Context()
	value, present, _ := k.session.Read(c.Request.Header)
	if l := a.loaded(c); l != nil && l.held != nil {
		value = l.held.value // this response may have changed it
	} else if value == "" && present == 0 {
		value = bearer(c.Request.Header)
	}
	var h *held[T]
	if value != "" {
		var err error
		if h, err = a.findAndEnd(ctx, k, value); err != nil {
			return nil, fmt.Errorf("nuxtauth: the session could not be ended: %w", err)
		}
	}
	k.session.Clear(c.Writer.Header(), present)
	a.set(c, &loaded[T, S]{})
	if h != nil {
		a.report(ctx, "the SignOut event", a.events.signOut(ctx, SignOutEvent[T]{h.token}))
	}
	return h, nil
}

// Federated logout, both ways: a sign-out here that goes on at the provider
// (OpenID Connect RP-Initiated Logout 1.0), and one at the provider that ends
// the sessions here (OpenID Connect Back-Channel Logout 1.0).

const (
	endSessionWait = 2 * time.Second // for a provider's metadata; without them the sign-out ends here
	farewellLife   = time.Hour
	maxFarewell    = 1024 // characters of the callback URL; the ID token goes into the same URL
)

// A farewell travels to the provider and back as the state of a sign-out, so
// that the browser is led on to where it wanted to go.
type farewell struct {
	Provider    string            `json:"farewell"` // the name tells it from a ticket
	CallbackURL string            `json:"callbackUrl"`
	ExpiresAt   token.NumericDate `json:"exp"`
}

// federated is the provider with this ID if a sign-out goes on there.
func (a *Auth[T, S]) federated(id string) *flow.Flow {
	for _, p := range a.providers {
		if p.ID == id && p.FederatedLogout {
			return a.flows[id]
		}
	}
	return nil
}

// endSessionURL is where the browser ends its session at the provider too, ""
// when there is nothing to end. The session here has ended already, and a
// provider that is down keeps nobody from signing out.
func (x *exchange[T, S]) endSessionURL(ended *held[T]) string {
	if ended == nil {
		return ""
	}
	id := defaultsOf(ended.token).Origin.Provider
	f := x.federated(id)
	if f == nil {
		return ""
	}
	to, err := x.askEndSession(f, id, ended)
	if err != nil {
		x.log.WarnContext(x.r.Context(), "nuxtauth: signed out here, but not at the provider", "provider", id, "error", err)
	}
	return to
}

func (x *exchange[T, S]) askEndSession(f *flow.Flow, id string, ended *held[T]) (string, error) {
	back := farewell{Provider: id, CallbackURL: x.callbackURL, ExpiresAt: token.NumericDate(x.now().Add(farewellLife).Unix())}
	if len(back.CallbackURL) > maxFarewell {
		back.CallbackURL = x.base.Origin
	}
	state, err := json.Marshal(back)
	if err != nil {
		return "", err
	}
	sealed, err := x.kit.checks.Seal(state)
	if err != nil {
		return "", err
	}
	e := flow.EndSession{RedirectURI: x.base.URL("signout", id), State: sealed}
	if tokens := providerTokensOf(ended.token); tokens != nil {
		e.IDToken = tokens.IDToken
	}
	ctx, cancel := context.WithTimeout(x.r.Context(), endSessionWait)
	defer cancel()
	return f.EndSessionURL(ctx, e)
}

// signedOutAtProvider leads a browser on that comes back from its provider. It
// is signed out already: a state that is missing or wrong leads to the front page.
func (x *exchange[T, S]) signedOutAtProvider() {
	to := x.base.Origin
	var f farewell
	claims, err := x.kit.checks.Open(x.r.URL.Query().Get("state"))
	if err == nil {
		err = json.Unmarshal(claims, &f)
	}
	if err == nil && f.Provider == x.provider && x.now().Before(f.ExpiresAt.Time()) {
		to = f.CallbackURL
	}
	x.redirect(http.StatusOK, to)
}

var (
	errReplayed  = errors.New("the logout token was used before")
	errCantEnd   = errors.New("there is nothing to end sessions with: set Session.Store to one that can list, or Session.DenyList")
	errNotOpenID = errors.New("it is not an OpenID provider of ours")
)

// backchannelLogout ends the sessions that a logout token names. Providers call
// it, not browsers. Whatever fails is a 400, as the standard wants (§2.8).
func (x *exchange[T, S]) backchannelLogout() {
	err := x.endByLogoutToken(x.body.get("logout_token"))
	if err == nil {
		x.c.Status(http.StatusOK)
		x.c.Writer.WriteHeaderNow()
		return
	}
	id := ""
	if p := x.configured(); p != nil {
		id = p.ID // not whatever stands in the path
	}
	x.log.WarnContext(x.r.Context(), "nuxtauth: a back-channel logout was refused", "provider", id, "error", err)
	answer := map[string]string{"error": "invalid_request", "error_description": "The logout token was refused."}
	if isPassing(x.r.Context(), err) || errors.Is(err, errCantEnd) {
		answer = map[string]string{"error": "logout_failed", "error_description": "The sessions could not be ended."}
	}
	x.json(http.StatusBadRequest, answer)
}

func (x *exchange[T, S]) endByLogoutToken(raw string) error {
	p := x.configured()
	if p == nil || p.Type != provider.TypeOIDC {
		return errNotOpenID
	}
	ctx := x.r.Context()
	t, err := x.flows[p.ID].VerifyLogoutToken(ctx, raw)
	if err != nil {
		return err
	}
	bounded, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	id := sha256.Sum256([]byte(t.ID)) // of any length
	seen := "logout:" + p.ID + ":" + base64.RawURLEncoding.EncodeToString(id[:])
	if at, err := x.seen.Marked(bounded, seen); err != nil {
		return KeepSession(err)
	} else if at[0] != 0 {
		return errReplayed
	}
	n, err := x.endSessionsOf(ctx, p.ID, t)
	if errors.Is(err, store.ErrUnsupported) {
		return fmt.Errorf("%w: %w", errCantEnd, err)
	}
	if err != nil {
		return KeepSession(err)
	}
	x.log.InfoContext(ctx, "nuxtauth: a provider ended sessions", "provider", p.ID, "sessions", n)
	// Marked only now: a provider whose call failed may send its token again.
	bounded, cancel = context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	if _, err := x.seen.Mark(bounded, seen, x.now().Unix(), t.ExpiresAt); err != nil {
		x.log.WarnContext(ctx, "nuxtauth: a logout token could not be remembered", "error", err)
	}
	return nil
}

// endSessionsOf ends the session of a logout token or, if it names a user
// alone, all that the user has from this provider.
func (x *exchange[T, S]) endSessionsOf(ctx context.Context, id string, t *flow.LogoutToken) (int, error) {
	if t.Session != "" {
		return x.Revoke(ctx, store.Filter{Provider: id, ProviderSession: t.Session})
	}
	n, err := x.Revoke(ctx, store.Filter{Provider: id, ProviderSubject: t.Subject})
	if err != nil || x.store == nil {
		return n, err
	}
	same, err := x.Revoke(ctx, store.Filter{Provider: id, Subject: t.Subject}) // those who have the same name here
	return n + same, err
}
