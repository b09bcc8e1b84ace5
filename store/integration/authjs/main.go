// Command authjs is an application with its users in a database of Auth.js, for the test
// e2e/test/authjs-database.test.mjs, in which an application in Node uses the same database.
// It has no pages: what the test asks for is below /test. The OpenID provider of both is
// below /idp.
//
// The environment has PORT, AUTH_SECRET, AUTH_PROTOCOL (next-auth or authjs), DATABASE_URL,
// LAYOUT (pg or drizzle), EMAIL_PROVIDER, IDP_SECRET and IDP_USERS (user names with
// commas), and STORE_TOKENS=1.
package main

import (
	"context"
	"database/sql"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/gin-gonic/gin"
	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/authtest"
	"github.com/nuxtauth/nuxtauth/mail"
	"github.com/nuxtauth/nuxtauth/provider"
	"github.com/nuxtauth/nuxtauth/store/sqlstore"
)

type (
	token   = nuxtauth.DefaultJWT
	session = nuxtauth.DefaultSession[nuxtauth.DefaultUser]
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Getenv)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, getenv func(string) string) error {
	gin.SetMode(gin.ReleaseMode)
	db, err := sql.Open("pgx", getenv("DATABASE_URL"))
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	db.SetMaxOpenConns(10)
	layout := sqlstore.PgAdapter()
	if getenv("LAYOUT") == "drizzle" {
		layout = sqlstore.DrizzleAdapter()
	}
	users, err := sqlstore.OpenAuthJS(ctx, db, layout, sqlstore.Options{})
	if err != nil {
		return err
	}
	handler, err := newApp(users, getenv)
	if err != nil {
		return err
	}
	server := &http.Server{Addr: "localhost:" + getenv("PORT"), Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	if err := server.ListenAndServe(); ctx.Err() == nil {
		return err
	}
	return nil
}

func newApp(users *sqlstore.Store, getenv func(string) string) (http.Handler, error) {
	origin := "http://localhost:" + getenv("PORT")
	idp, err := newProvider(origin+"/idp", getenv)
	if err != nil {
		return nil, err
	}
	atProvider := idp.AsProvider("idp")
	atProvider.VerifiesEmail = true
	atProvider.Scopes = []string{"openid", "profile", "email", "offline_access"}
	protocol := nuxtauth.NextAuth
	if getenv("AUTH_PROTOCOL") == "authjs" {
		protocol = nuxtauth.AuthJS
	}
	sent := new(outbox)
	stores := getenv("STORE_TOKENS") == "1"
	auth, err := nuxtauth.New(nuxtauth.Config[token, session]{
		URL: origin, Secret: getenv("AUTH_SECRET"), Protocol: protocol,
		Providers: []provider.Provider{atProvider, provider.Email(func(p *provider.Provider) { p.ID = getenv("EMAIL_PROVIDER") })},
		Accounts:  nuxtauth.AccountsConfig{Store: users, StoreTokens: stores, InsecureUnencryptedTokens: stores, LinkByEmail: true},
		Mail:      nuxtauth.MailConfig{Send: sent.send},
		Pages:     nuxtauth.Pages{NewUser: "/welcome"},
	})
	if err != nil {
		return nil, err
	}
	r := gin.New()
	r.Any("/idp/*path", gin.WrapH(idp))
	r.Use(auth.Middleware())
	r.GET("/test/mails", func(c *gin.Context) { c.JSON(http.StatusOK, sent.all()) })
	r.GET("/test/subject", func(c *gin.Context) { c.String(http.StatusOK, auth.Subject(c)) })
	r.GET("/test/account", auth.Require(), func(c *gin.Context) {
		found, err := auth.FindAccount(c, auth.Subject(c), c.Query("provider"), c.Query("id"), "")
		answer(c, found, err)
	})
	r.POST("/test/reset", func(c *gin.Context) {
		answer(c, nil, auth.SendLink(c, nuxtauth.LinkRequest{Purpose: mail.PurposeReset, Email: c.Query("email"), RedirectTo: "/reset"}))
	})
	r.POST("/test/unlink", auth.Require(), func(c *gin.Context) {
		answer(c, nil, auth.UnlinkAccount(c, auth.Subject(c), c.Query("provider"), c.Query("id"), ""))
	})
	r.POST("/test/delete", auth.Require(), func(c *gin.Context) { answer(c, nil, auth.DeleteUser(c, auth.Subject(c))) })
	return r, nil
}

// newProvider returns the OpenID provider. The password and the subject of a user are the
// user name.
func newProvider(issuer string, getenv func(string) string) (*authtest.IDP, error) {
	cfg := authtest.IDPConfig{Issuer: issuer, ClientID: "e2e", ClientSecret: getenv("IDP_SECRET"), SigningAlgorithm: "RS256"}
	for name := range strings.SplitSeq(getenv("IDP_USERS"), ",") {
		cfg.Users = append(cfg.Users, authtest.IDPUser{
			Username: name, Password: name, Name: "User " + name, Email: name + "@example.com", EmailVerified: true, Picture: "https://example.com/" + name + ".png",
		})
	}
	return authtest.NewIDP(cfg)
}

func answer(c *gin.Context, value any, err error) {
	if err != nil {
		c.String(http.StatusInternalServerError, err.Error())
		return
	}
	c.JSON(http.StatusOK, value)
}

// An outbox has the texts of the mails that were sent.
type outbox struct {
	mu   sync.Mutex
	sent []string
}

func (o *outbox) send(_ context.Context, m mail.Message) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.sent = append(o.sent, m.To+"\n"+m.Text)
	return nil
}

func (o *outbox) all() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]string{}, o.sent...) // in JSON none is []
}
