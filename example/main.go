// The example is an application with sign-in by password and by OpenID Connect. It
// shows the token, which stays on the server, and the session that a front end gets:
//
//	go run ./example
//
// The process also contains the services that it uses: a user API (users.go) and an
// OpenID provider with a sign-in form (providers.go). This file has what every
// application needs: three types, newAuth and some routes.
//
// Sessions are stored in cookies. One variable stores them on the server (stores.go),
// so that users can list and end their sessions (sessions.go):
//
//	SESSIONS=memory go run ./example
//	REDIS_URL=redis://localhost:6379 go run ./example
//	DATABASE_URL=postgres://user:password@localhost:5432/database go run ./example
package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/authtest"
	"github.com/nuxtauth/nuxtauth/provider"
)

// Role is the role of a user.
type Role string

// The roles.
const (
	Admin   Role = "admin"
	Manager Role = "manager"
	Member  Role = "user"
)

// User is the user in the session.
type User struct {
	Name   string `json:"name"`
	Avatar string `json:"avatar"`
	Role   Role   `json:"role"`
}

// Token is the token of a session: sealed in a cookie that scripts can't read, or in a
// store.
type Token struct {
	nuxtauth.DefaultJWT
	SessionToken string `json:"sessionToken,omitzero"` // of the user API
}

// Session is the session that the front end gets from GET /api/auth/session.
type Session = nuxtauth.DefaultSession[User]

func isAdmin(s *Session) bool { return s.User.Role == Admin }

func main() {
	if err := run(os.Getenv); err != nil {
		fmt.Fprintln(os.Stderr, "example:", err)
		os.Exit(1)
	}
}

// newAuth returns the configured Auth.
func newAuth(s settings, sessions nuxtauth.SessionConfig, people *members, users *UserAPI, idp *authtest.IDP, mails *outbox) (*nuxtauth.Auth[Token, Session], error) {
	var auth *nuxtauth.Auth[Token, Session]
	sendLink := func(ctx context.Context, r nuxtauth.LinkRequest) error { return auth.SendLink(ctx, r) }
	var err error
	auth, err = nuxtauth.New(nuxtauth.Config[Token, Session]{
		URL:            s.url,
		Secret:         s.secret,
		Protocol:       s.protocol,
		TrustedOrigins: s.trusted,
		Providers:      append([]provider.Provider{passwords(people), demoID(s, idp), provider.Email()}, s.providers...),
		Session:        sessions,                                         // see stores.go
		Accounts:       nuxtauth.AccountsConfig{Store: people.userStore}, // see accounts.go
		Mail:           nuxtauth.MailConfig{Send: mails.Send},            // see outbox.go
		Local:          localTokens(sessions, s.origin, sendLink),        // see local.go
		Pages: nuxtauth.Pages{
			SignUp:         s.origin + "/signup",
			ForgotPassword: s.origin + "/forgot",
			VerifyRequest:  s.origin + "/sent",
			NewUser:        "/?notice=welcome",
		},

		SignInLimit: nuxtauth.SignInLimit{PerNetwork: s.rateLimit, PerAccount: s.rateLimit},

		Callbacks: nuxtauth.Callbacks[Token, Session]{
			// At sign-in, whatever the way, the token gets a session token of the
			// user API, which knows users by their ID.
			JWT: func(ctx context.Context, p nuxtauth.JWTParams[Token]) (*Token, error) {
				if p.Account == nil { // not a sign-in: the token stays as it is
					return p.Token, nil
				}
				in, err := users.Open(ctx, p.User.ID, p.User.Name)
				if err != nil {
					return nil, err
				}
				p.Token.Name, p.Token.SessionToken = in.Name, in.SessionToken
				return p.Token, nil
			},

			// Whenever session data is requested, the user is fetched from the user
			// API. An error ends the session. For a temporary fault, return
			// nuxtauth.Unavailable(err).
			Session: func(ctx context.Context, p nuxtauth.SessionParams[Token, Session]) (*Session, error) {
				user, err := users.User(ctx, p.Token.SessionToken)
				if err != nil {
					return nil, err // the session ends here
				}
				p.Session.User = user
				return p.Session, nil
			},
		},

		Events: nuxtauth.Events[Token, Session]{
			SignOut: func(ctx context.Context, e nuxtauth.SignOutEvent[Token]) {
				if err := users.Expire(ctx, e.Token.SessionToken); err != nil {
					slog.WarnContext(ctx, "example: a session was not ended at the user API", "error", err)
				}
			},
			DeleteUser: func(ctx context.Context, e nuxtauth.UserEvent) {
				if err := users.Remove(ctx, e.User.ID); err != nil {
					slog.WarnContext(ctx, "example: a profile was not removed at the user API", "error", err)
				}
			},
		},
	})
	return auth, err
}

// newApp returns the application. The middleware precedes the routes that need a session.
func newApp(ctx context.Context, s settings, sessions nuxtauth.SessionConfig) (http.Handler, error) {
	people, err := newMembers(ctx, sessions)
	if err != nil {
		return nil, err
	}
	mails := &outbox{smtp: s.smtp}
	users := NewUserAPI(s.origin+"/avatars/", s.secret)
	idp, err := newDemoProvider(s)
	if err != nil {
		return nil, err
	}
	auth, err := newAuth(s, sessions, people, users, idp, mails)
	if err != nil {
		return nil, err
	}
	web, err := newPages(s, auth, people, users, mails)
	if err != nil {
		return nil, err
	}

	r := gin.New()
	r.Use(gin.Recovery())
	if err := r.SetTrustedProxies(nil); err != nil { // ignore X-Forwarded-For
		return nil, err
	}

	r.Any("/demo-provider/*path", gin.WrapH(idp))
	r.GET("/avatars/:file", static("avatars"))
	r.GET("/style/:file", static("style"))
	r.GET("/favicon.ico", func(c *gin.Context) { c.Redirect(http.StatusFound, "/style/icon.svg") })

	r.Use(auth.CORS(), auth.Middleware(), web.sameOrigin)
	r.NoRoute(web.notFound)

	r.GET("/", web.home)
	r.GET("/admin", auth.Require(), web.admin)
	r.POST("/profile", web.rename)
	r.POST("/signout", web.signOut)

	r.GET("/sessions", auth.Require(), web.sessions)
	r.POST("/sessions/end", web.endSession)
	r.POST("/sessions/end-others", web.endOthers)
	r.POST("/sessions/end-all", web.endEverywhere)

	r.GET("/signup", web.signUp) // see signup.go
	r.POST("/signup", web.sendSignUp)
	r.GET("/signup/confirm", web.choose(signUpForm))
	r.POST("/signup/confirm", web.confirmSignUp)
	r.GET("/forgot", web.forgot)
	r.POST("/forgot", web.sendReset)
	r.GET("/reset", web.choose(resetForm))
	r.POST("/reset", web.reset)
	r.GET("/sent", web.sent)

	recently := auth.RequireRecent(recent)
	r.GET("/account", auth.Require(), web.account) // see connected.go
	r.POST("/account/disconnect", recently, web.disconnect)
	r.GET("/account/delete", recently, web.confirmDeletion)
	r.POST("/account/delete", recently, web.deleteAccount)

	if s.smtp == nil {
		r.GET("/outbox", web.outbox) // see outbox.go
		r.GET("/outbox/:number", web.mail)
	}

	r.GET("/api/me", auth.Require(), web.me)
	r.GET("/api/users", auth.Require(isAdmin), web.listUsers)
	r.POST("/api/expire", auth.Require(), web.expire)
	return r, nil
}
