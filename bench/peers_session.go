package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/alexedwards/scs/v2"
	scsmem "github.com/alexedwards/scs/v2/memstore"
	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/cookie"
	"github.com/gin-contrib/sessions/memstore"
	"github.com/gin-gonic/gin"
	gorilla "github.com/gorilla/sessions"
	"github.com/markbates/goth/gothic"
	"github.com/volatiletech/authboss/v3"
)

// sessionPeers are libraries with sessions of named values, in a cookie or in memory.
var sessionPeers = []scenario{
	{name: "scs-memstore", title: "scs: memstore", make: scsMemory},
	{name: "authboss", title: "authboss: signed cookie, user from a map", make: authbossCookie},
	{name: "gin-contrib-cookie", title: "gin-contrib/sessions: signed cookie", make: ginSessions(func() sessions.Store {
		return cookie.NewStore(key)
	})},
	{name: "gin-contrib-cookie-encrypted", title: "gin-contrib/sessions: signed, encrypted cookie", make: ginSessions(func() sessions.Store {
		return cookie.NewStore(key, key)
	})},
	{name: "gin-contrib-memstore", title: "gin-contrib/sessions: memstore", make: ginSessions(func() sessions.Store {
		return memstore.NewStore(key)
	})},
	{name: "gothic", title: "goth/gothic: signed cookie, user as JSON", make: gothicCookie},
}

// values returns the values of a session.
func (p *user) values() map[string]string {
	return map[string]string{
		"sub": p.Subject, "name": p.Name, "email": p.Email, "picture": p.Picture, "role": p.Role, "accessToken": p.AccessToken,
	}
}

// newSCS returns a session manager, and a function that signs a user in.
func newSCS() (*scs.SessionManager, func(p *user) (token string, err error)) {
	manager := scs.New()
	manager.Store = scsmem.NewWithCleanupInterval(0)
	return manager, func(p *user) (string, error) {
		ctx, err := manager.Load(context.Background(), "")
		if err != nil {
			return "", err
		}
		for name, value := range p.values() {
			manager.Put(ctx, name, value)
		}
		token, _, err := manager.Commit(ctx)
		return token, err
	}
}

func scsMemory() (http.Handler, *http.Request, error) {
	manager, signIn := newSCS()
	token, err := signIn(&ada)
	if err != nil {
		return nil, nil, err
	}
	r := gin.New()
	r.GET("/me", func(c *gin.Context) {
		ctx := c.Request.Context()
		c.JSON(http.StatusOK, me{manager.GetString(ctx, "name"), manager.GetString(ctx, "role")})
	})
	return manager.LoadAndSave(r), get("/me", &http.Cookie{Name: manager.Cookie.Name, Value: token}), nil
}

// ginSessions returns GET /me with a store of gin-contrib/sessions.
func ginSessions(store func() sessions.Store) func() (http.Handler, *http.Request, error) {
	return func() (http.Handler, *http.Request, error) {
		r := newGinSessions(store(), func(*gin.Context) *user { return &ada })
		return r, get("/me", cookiesOf(r, get("/sign-in"))...), nil
	}
}

// newGinSessions returns an application whose route /sign-in signs the user of current in.
func newGinSessions(store sessions.Store, current func(*gin.Context) *user) http.Handler {
	r := gin.New()
	r.Use(sessions.Sessions("session", store))
	r.GET("/sign-in", func(c *gin.Context) {
		s := sessions.Default(c)
		for name, value := range current(c).values() {
			s.Set(name, value)
		}
		if err := s.Save(); err != nil {
			c.AbortWithStatusJSON(http.StatusInternalServerError, err.Error())
		}
	})
	r.GET("/me", func(c *gin.Context) {
		s := sessions.Default(c)
		name, _ := s.Get("name").(string)
		role, _ := s.Get("role").(string)
		c.JSON(http.StatusOK, me{name, role})
	})
	return r
}

// gothicCookie stores the user in the session of gothic. It sets the store of gothic,
// which is global.
func gothicCookie() (http.Handler, *http.Request, error) {
	gothic.Store = gorilla.NewCookieStore(key)
	data, err := json.Marshal(ada)
	if err != nil {
		return nil, nil, err
	}
	r := gin.New()
	r.GET("/sign-in", func(c *gin.Context) {
		if err := gothic.StoreInSession("user", string(data), c.Request, c.Writer); err != nil {
			c.AbortWithStatusJSON(http.StatusInternalServerError, err.Error())
		}
	})
	r.GET("/me", func(c *gin.Context) {
		data, err := gothic.GetFromSession("user", c.Request)
		if err != nil {
			c.AbortWithStatus(http.StatusUnauthorized)
			return
		}
		var p user
		if err := json.Unmarshal([]byte(data), &p); err != nil {
			c.AbortWithStatus(http.StatusInternalServerError)
			return
		}
		c.JSON(http.StatusOK, me{p.Name, p.Role})
	})
	return r, get("/me", cookiesOf(r, get("/sign-in"))...), nil
}

// authbossCookie has the user's id in a cookie of gorilla/sessions, and fetches the user
// from its storage at each request.
func authbossCookie() (http.Handler, *http.Request, error) {
	state := bossState{gorilla.NewCookieStore(key)}
	boss := authboss.New()
	boss.Config.Storage.SessionState = state
	boss.Config.Storage.Server = bossUsers{ada.Subject: {ada}}

	r := gin.New()
	r.GET("/sign-in", func(c *gin.Context) {
		put := authboss.ClientStateEvent{Kind: authboss.ClientStateEventPut, Key: authboss.SessionKey, Value: ada.Subject}
		s, err := state.ReadState(c.Request)
		if err == nil {
			err = state.WriteState(c.Writer, s, []authboss.ClientStateEvent{put})
		}
		if err != nil {
			c.AbortWithStatusJSON(http.StatusInternalServerError, err.Error())
		}
	})
	r.GET("/me", func(c *gin.Context) {
		u, err := boss.CurrentUser(c.Request)
		if err != nil {
			c.AbortWithStatus(http.StatusUnauthorized)
			return
		}
		p := u.(*bossUser)
		c.JSON(http.StatusOK, me{p.Name, p.Role})
	})
	h := boss.LoadClientStateMiddleware(r)
	return h, get("/me", cookiesOf(r, get("/sign-in"))...), nil
}

// bossState is the session of authboss in a cookie of gorilla/sessions.
type bossState struct{ store *gorilla.CookieStore }

type bossValues struct{ *gorilla.Session }

func (v bossValues) Get(key string) (string, bool) {
	s, ok := v.Values[key].(string)
	return s, ok
}

func (s bossState) ReadState(r *http.Request) (authboss.ClientState, error) {
	session, err := s.store.Get(r, "session")
	return bossValues{session}, err
}

func (s bossState) WriteState(w http.ResponseWriter, state authboss.ClientState, events []authboss.ClientStateEvent) error {
	session := state.(bossValues).Session
	for _, e := range events {
		if e.Kind != authboss.ClientStateEventPut {
			return fmt.Errorf("event %d is not supported", e.Kind)
		}
		session.Values[e.Key] = e.Value
	}
	return s.store.Save(nil, w, session)
}

// bossUsers is the database of authboss.
type bossUsers map[string]*bossUser

type bossUser struct{ user }

func (u *bossUser) GetPID() string    { return u.Subject }
func (u *bossUser) PutPID(pid string) { u.Subject = pid }

func (all bossUsers) Load(_ context.Context, pid string) (authboss.User, error) {
	u, ok := all[pid]
	if !ok {
		return nil, authboss.ErrUserNotFound
	}
	return u, nil
}

func (all bossUsers) Save(context.Context, authboss.User) error { return authboss.ErrUserNotFound }
