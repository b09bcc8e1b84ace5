package nuxtauth_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/provider"
)

// The SignIn callback accepts the addresses of one company.
func ExampleCallbacks() {
	_, r := newApp(nuxtauth.Config[Token, Session]{
		Providers: []provider.Provider{provider.Credentials(checkPassword)},
		Callbacks: nuxtauth.Callbacks[Token, Session]{
			SignIn: func(_ context.Context, p nuxtauth.SignInParams) error {
				if !strings.HasSuffix(p.User.Email, "@example.com") {
					return fmt.Errorf("%q is not of the company", p.User.Email) // for the log
				}
				return nil
			},
		},
	})

	browser := &frontEnd{app: r}
	fmt.Println(browser.signIn("ada", "lovelace")) // has no e-mail address
	fmt.Println(browser.get("/api/auth/session"))
	// Output:
	// 403 {"url":"http://localhost:3000/api/auth/error?error=AccessDenied"}
	// 200 {}
}

// The Redirect callback sends users who come from nowhere in particular to the dashboard.
func ExampleCallbacks_redirect() {
	_, r := newApp(nuxtauth.Config[Token, Session]{
		Providers: []provider.Provider{provider.Credentials(checkPassword)},
		Callbacks: nuxtauth.Callbacks[Token, Session]{
			Redirect: func(_ context.Context, p nuxtauth.RedirectParams) (string, error) {
				to, err := url.Parse(p.URL)
				switch {
				case err != nil:
					return "", err
				case to.Host != "" && to.Scheme+"://"+to.Host != p.BaseURL: // another site
					return p.BaseURL, nil
				case to.Path == "" || to.Path == "/":
					return p.BaseURL + "/dashboard", nil
				}
				return p.URL, nil
			},
		},
	})

	for _, callbackURL := range []string{"/", "/settings", "https://evil.example"} {
		browser := &frontEnd{app: r}
		fmt.Println(browser.post("/api/auth/callback/credentials",
			fmt.Sprintf(`{"username":"ada","password":"lovelace","callbackUrl":%q}`, callbackURL)))
	}
	// Output:
	// 200 {"url":"http://localhost:3000/dashboard"}
	// 200 {"url":"http://localhost:3000/settings"}
	// 200 {"url":"http://localhost:3000"}
}

// Users who have not accepted the terms are sent to them, and are not signed in.
func ExampleRedirectTo() {
	accepted := func(context.Context, string) bool { return false }
	_, r := newApp(nuxtauth.Config[Token, Session]{
		Providers: []provider.Provider{provider.Credentials(checkPassword)},
		Callbacks: nuxtauth.Callbacks[Token, Session]{
			SignIn: func(ctx context.Context, p nuxtauth.SignInParams) error {
				if !accepted(ctx, p.User.ID) {
					return nuxtauth.RedirectTo("/terms")
				}
				return nil
			},
		},
	})

	browser := &frontEnd{app: r}
	fmt.Println(browser.signIn("ada", "lovelace"))
	// Output: 200 {"url":"http://localhost:3000/terms"}
}

// The front end shows a message for the code, and the cause stands in the log.
func ExampleError() {
	_, r := newApp(nuxtauth.Config[Token, Session]{
		Providers: []provider.Provider{provider.Credentials(checkPassword)},
		Callbacks: nuxtauth.Callbacks[Token, Session]{
			SignIn: func(context.Context, nuxtauth.SignInParams) error {
				return &nuxtauth.Error{Code: "AccountLocked", Err: errors.New("locked by the support, case 4711")}
			},
		},
	})

	browser := &frontEnd{app: r}
	fmt.Println(browser.signIn("ada", "lovelace"))
	// Output: 403 {"url":"http://localhost:3000/api/auth/error?error=AccountLocked"}
}

// The front end calls update({nickname: "Ada"}). What users may change is a struct of its
// own, and each value is checked.
func ExampleJWTParams() {
	auth, r := newApp(nuxtauth.Config[Token, Session]{
		Callbacks: nuxtauth.Callbacks[Token, Session]{
			JWT: func(_ context.Context, p nuxtauth.JWTParams[Token]) (*Token, error) {
				if p.Trigger == nuxtauth.TriggerUpdate {
					var form struct {
						Nickname string `json:"nickname"`
					}
					if p.Update.Decode(&form) == nil && len(form.Nickname) <= 40 {
						p.Token.Nickname = form.Nickname
					}
				}
				return p.Token, nil
			},
			Session: func(_ context.Context, p nuxtauth.SessionParams[Token, Session]) (*Session, error) {
				p.Session.User.Name = p.Token.Nickname
				return p.Session, nil
			},
		},
	})

	browser := signedIn(auth, r, &Token{DefaultJWT: nuxtauth.DefaultJWT{Subject: "1"}})
	fmt.Println(browser.post("/api/auth/session", `{"data":{"nickname":"Ada","sub":"2"}}`))
	// Output: 200 {"user":{"name":"Ada","avatar":"","role":""},"expires":"2026-12-31T00:00:00.000Z"}
}

// The events write an audit log.
func ExampleEvents() {
	audit := func(action string, t *Token, ip, userAgent string) {
		fmt.Printf("%s user=%s provider=%s ip=%s agent=%q\n", action, t.Subject, t.Origin.Provider, ip, userAgent)
	}
	_, r := newApp(nuxtauth.Config[Token, Session]{
		Providers: []provider.Provider{provider.Credentials(checkPassword)},
		Events: nuxtauth.Events[Token, Session]{
			SignIn: func(_ context.Context, e nuxtauth.SignInEvent[Token]) {
				audit("sign-in", e.Token, e.IP, e.UserAgent)
			},
			SignOut: func(_ context.Context, e nuxtauth.SignOutEvent[Token]) {
				audit("sign-out", e.Token, e.IP, e.UserAgent)
			},
		},
	})

	browser := &frontEnd{app: r}
	browser.signIn("ada", "lovelace")
	browser.post("/api/auth/signout", `{"callbackUrl":"/"}`)
	// Output:
	// sign-in user=1 provider=credentials ip=192.0.2.1 agent="Firefox"
	// sign-out user=1 provider=credentials ip=192.0.2.1 agent="Firefox"
}
