package conformance_test

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/provider"
)

// The token and the session of the recorded applications have the claims of Auth.js, a
// role, and a blob to make the token long.
type (
	goldenToken struct {
		nuxtauth.DefaultJWT
		Role string `json:"role,omitzero"`
		Blob string `json:"blob,omitzero"`
	}
	goldenUser struct {
		nuxtauth.DefaultUser
		ID   string `json:"id,omitzero"`
		Role string `json:"role,omitzero"`
	}
	goldenSession struct {
		nuxtauth.DefaultSession[goldenUser]
		Sub string `json:"sub,omitzero"`
	}
)

// config returns the configuration of a recorded exchange. Its callbacks and events record
// their arguments.
func (p *player) config(e *goldenExchange) nuxtauth.Config[goldenToken, goldenSession] {
	cfg := nuxtauth.Config[goldenToken, goldenSession]{
		Secret:     p.rec.meta.Secret,
		URL:        e.BaseURL,
		Protocol:   p.protocol,
		Providers:  p.providers(e.Config),
		HTTPClient: &http.Client{Transport: p.provider},
		Logger:     slog.New(slog.DiscardHandler),
		Now:        func() time.Time { return p.now },
	}
	switch e.Config {
	case "claims":
		cfg.Session.MaxAge = time.Hour
	case "pages":
		cfg.Pages = nuxtauth.Pages{SignIn: "/login", SignOut: "/bye", Error: "/oops", VerifyRequest: "/check-mail"}
	case "nosecret":
		cfg.Secret = ""
	}
	has := func(hook string) bool { return strings.Contains(goldenHooks[e.Config], hook) }
	if has("signIn") {
		cfg.Callbacks.SignIn = p.signIn(e.Config)
	}
	if has("jwt") {
		cfg.Callbacks.JWT = p.jwt(e.Config)
	}
	if has("session") {
		cfg.Callbacks.Session = p.session(e.Config)
	}
	if has("events") {
		cfg.Events = p.events()
	}
	if e.Browser != "" || e.Scenario == "linking" || e.Scenario == "email" {
		p.usersConfig(e, &cfg)
	}
	return cfg
}

// goldenHooks are the callbacks of each recorded configuration.
var goldenHooks = map[string]string{
	"jwt":         "signIn jwt session events",
	"claims":      "signIn jwt session events",
	"db":          "signIn session events",
	"big":         "signIn jwt session",
	"jwtthrow":    "signIn jwt",
	"deny":        "signIn",
	"signinthrow": "signIn",
}

// fake is a provider without OpenID Connect.
func (p *player) fake(id, name string) provider.Provider {
	return provider.OAuth2(provider.Provider{
		ID: id, Name: name, ClientID: "cid", ClientSecret: "c:secret/+ %", Scopes: []string{"read"},
		AuthorizationURL: p.provider.issuer + "/authorize", TokenURL: p.provider.issuer + "/token", UserinfoURL: p.provider.issuer + "/userinfo",
	})
}

func (p *player) providers(config string) []provider.Provider {
	credentials := provider.Credentials(p.authorize)
	credentials.Name = "Creds"
	credentials.Fields = []provider.Field{{Name: "username"}, {Name: "password", Type: "password"}}
	oidc := provider.OIDC(provider.Provider{
		ID: "fakeoidc", Name: "Fake OIDC", Issuer: p.provider.issuer, ClientID: "oidc-cid", ClientSecret: "oidc-secret", SkipUserinfo: true,
	})
	if p.protocol == nuxtauth.NextAuth {
		oidc.Scopes = []string{"openid", "email", "profile"}
	}
	list := []provider.Provider{credentials, p.fake("fakeoauth", "Fake OAuth"), oidc}
	if config == "db" {
		list = append(list, p.fake("strict", "Strict"), p.fake("linker", "Linker"))
	}
	return list
}

// jsObject is an argument of a callback in JavaScript.
type jsObject = map[string]any

// call records a call with a copy of its arguments, since callbacks may change them.
func (p *player) call(fn string, args jsObject) {
	b, err := json.Marshal(args)
	c := goldenCall{Fn: fn}
	if err == nil {
		err = json.Unmarshal(b, &c.Args)
	}
	if err != nil {
		p.Error(err)
	}
	p.calls = append(p.calls, c)
	if p.throws && strings.HasPrefix(fn, "event:") {
		panic("event failed")
	}
}

// signInArgs returns the arguments of a callback at a sign-in. With credentials the
// profile has the further members of the user, as in JavaScript.
func (p *player) signInArgs(u *nuxtauth.User, a *nuxtauth.Account, profile nuxtauth.Profile) jsObject {
	if a == nil {
		return jsObject{}
	}
	var user, members jsObject
	if err := profile.Decode(&members); err != nil {
		p.Error(err)
	}
	user = userArg(u)
	if p.users == nil {
		delete(user, "emailVerified")
	}
	if a.Type != provider.TypeCredentials {
		args := jsObject{"user": user, "account": a}
		if len(members) > 0 { // not by e-mail
			args["profile"] = members
		}
		return args
	}
	maps.Copy(user, members)
	return jsObject{"user": user, "account": a}
}

func fieldsOf(form url.Values) jsObject {
	fields := make(jsObject)
	for name := range form {
		fields[name] = form.Get(name)
	}
	return fields
}

func (p *player) authorize(_ context.Context, form url.Values) (*provider.User, error) {
	p.call("authorize", jsObject{"credentials": fieldsOf(form)})
	switch {
	case form.Get("username") == "throw":
		return nil, errors.New("Custom & message")
	case form.Get("username") == "throwcode" && p.protocol == nuxtauth.AuthJS:
		return nil, &nuxtauth.Error{Code: "locked_out"}
	case form.Get("username") != "ada" || form.Get("password") != "pw":
		return nil, nil
	}
	return &provider.User{ID: "1", Name: "Ada", Email: "ada@example.com", Profile: provider.Profile(`{"role":"admin"}`)}, nil
}

func (p *player) signIn(config string) func(context.Context, nuxtauth.SignInParams) error {
	return func(_ context.Context, s nuxtauth.SignInParams) error {
		args := p.signInArgs(s.User, s.Account, s.Profile)
		if s.Credentials != nil {
			args["credentials"] = fieldsOf(s.Credentials)
		}
		if s.VerificationRequest {
			args["email"] = jsObject{"verificationRequest": true}
		}
		p.call("callback:signIn", args)
		if err := p.hook.returns(s.VerificationRequest); err != nil {
			return err
		}
		switch config {
		case "deny":
			return errors.New("denied")
		case "signinthrow":
			return errors.New("nope & no")
		}
		return nil
	}
}

func (p *player) jwt(config string) func(context.Context, nuxtauth.JWTParams[goldenToken]) (*goldenToken, error) {
	return func(_ context.Context, j nuxtauth.JWTParams[goldenToken]) (*goldenToken, error) {
		args := p.signInArgs(j.User, j.Account, j.Profile)
		var data any
		if err := j.Update.Decode(&data); err != nil {
			return nil, err
		}
		maps.Copy(args, jsObject{"token": j.Token, "trigger": j.Trigger, "isNewUser": j.IsNewUser, "session": data})
		p.call("callback:jwt", args)
		if config == "jwtthrow" && j.Account == nil {
			return nil, errors.New("jwt cb failed")
		}
		fields, _ := data.(jsObject)
		if config == "claims" {
			if name, ok := fields["name"].(string); ok {
				j.Token.Name = name
			}
			if err := j.Profile.Decode(j.Token); err != nil { // its role
				return nil, err
			}
		}
		if config == "big" {
			if n, ok := fields["n"].(float64); ok {
				j.Token.Blob = strings.Repeat("y", int(n))
			}
			if j.Account != nil {
				j.Token.Blob = strings.Repeat("x", 6000)
			}
		}
		return j.Token, nil
	}
}

func (p *player) session(config string) func(context.Context, nuxtauth.SessionParams[goldenToken, goldenSession]) (*goldenSession, error) {
	return func(_ context.Context, s nuxtauth.SessionParams[goldenToken, goldenSession]) (*goldenSession, error) {
		p.call("callback:session", p.withToken(jsObject{"session": s.Session}, s.Token))
		if h := p.hook; h != nil && h.Name == "session" {
			if h.Throws != "" {
				return nil, nuxtauth.Unavailable(errors.New(h.Throws)) // another error ends the session
			}
			s.Session.User.ID, s.Session.User.Role = s.Token.Subject, "admin"
		}
		if config == "claims" {
			s.Session.User.Role, s.Session.Sub = s.Token.Role, s.Token.Subject
		}
		return s.Session, nil
	}
}

// withToken adds the token, which JavaScript does not have if sessions are in a database.
func (p *player) withToken(args jsObject, token *goldenToken) jsObject {
	if !p.database {
		args["token"] = token
	}
	return args
}

func (p *player) events() nuxtauth.Events[goldenToken, goldenSession] {
	return nuxtauth.Events[goldenToken, goldenSession]{
		SignIn: func(_ context.Context, e nuxtauth.SignInEvent[goldenToken]) {
			args := p.signInArgs(e.User, e.Account, e.Profile)
			args["isNewUser"] = e.IsNewUser
			p.call("event:signIn", args)
		},
		SignOut: func(_ context.Context, e nuxtauth.SignOutEvent[goldenToken]) {
			p.call("event:signOut", p.withToken(jsObject{}, e.Token))
		},
		Session: func(_ context.Context, e nuxtauth.SessionEvent[goldenToken, goldenSession]) {
			p.call("event:session", p.withToken(jsObject{"session": e.Session}, e.Token))
		},
	}
}
