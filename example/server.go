package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/mail/smtp"
	"github.com/nuxtauth/nuxtauth/provider"
)

// settings are the settings of the environment.
type settings struct {
	listen    string // HOST and PORT
	origin    string // of this process, such as "http://localhost:3000"
	url       string // AUTH_URL: the public URL, which may be that of a front end
	site      string // the origin of url
	api       string // URL of the sign-in API
	secret    string // AUTH_SECRET
	protocol  nuxtauth.Protocol
	providers []provider.Provider
	trusted   []string     // AUTH_TRUSTED_ORIGINS: of front ends apart from url
	storage   storage      // of sessions
	smtp      *smtp.Sender // SMTP_URL; nil shows mails on a page
	rateLimit int          // RATE_LIMIT: failed sign-ins a minute from one network, and in 15 minutes at one account

	federatedLogout bool // AUTH_FEDERATED_LOGOUT: a sign-out also ends the session at Demo ID
	randomSecret    bool
}

// readSettings reads PORT (default 3000), HOST (localhost), AUTH_URL (the origin of
// this process), AUTH_SECRET (a random one), AUTH_PROTOCOL (next-auth),
// AUTH_FEDERATED_LOGOUT (off), AUTH_TRUSTED_ORIGINS (none), RATE_LIMIT (that of the library), SMTP_URL (mails are shown on a page),
// and the variables of furtherProviders and readStorage.
func readSettings(getenv func(string) string) (settings, error) {
	port := cmp.Or(getenv("PORT"), "3000")
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return settings{}, fmt.Errorf("PORT is %q: write a number from 1 to 65535", port)
	}
	s := settings{
		listen:    net.JoinHostPort(cmp.Or(getenv("HOST"), "localhost"), port),
		origin:    "http://localhost:" + port,
		secret:    getenv("AUTH_SECRET"),
		trusted:   strings.FieldsFunc(getenv("AUTH_TRUSTED_ORIGINS"), func(r rune) bool { return r == ',' || r == ' ' }),
		providers: furtherProviders(getenv),
	}

	s.url = strings.TrimSuffix(cmp.Or(getenv("AUTH_URL"), s.origin), "/")
	u, err := url.Parse(s.url)
	if err != nil || u.Host == "" {
		return settings{}, fmt.Errorf("AUTH_URL is %q: write the public URL of the application, such as %q", s.url, s.origin)
	}
	s.site = u.Scheme + "://" + u.Host
	s.api = s.site + cmp.Or(u.Path, "/api/auth")

	if s.secret == "" {
		s.secret, s.randomSecret = rand.Text()+rand.Text(), true
	}

	switch protocol := getenv("AUTH_PROTOCOL"); protocol {
	case "", "next-auth":
		s.protocol = nuxtauth.NextAuth
	case "authjs":
		s.protocol = nuxtauth.AuthJS
	default:
		return settings{}, fmt.Errorf("AUTH_PROTOCOL is %q: write next-auth or authjs", protocol)
	}

	switch federated := getenv("AUTH_FEDERATED_LOGOUT"); federated {
	case "", "1":
		s.federatedLogout = federated == "1"
	default:
		return settings{}, fmt.Errorf("AUTH_FEDERATED_LOGOUT is %q: write 1, or leave it out", federated)
	}

	if limit := getenv("RATE_LIMIT"); limit != "" {
		s.rateLimit, err = strconv.Atoi(limit)
		if err != nil || s.rateLimit < 1 {
			return settings{}, fmt.Errorf("RATE_LIMIT is %q: write a number above 0, or leave it out", limit)
		}
	}

	if address := getenv("SMTP_URL"); address != "" {
		options, err := smtp.ParseURL(address)
		if err == nil {
			s.smtp, err = smtp.New(options)
		}
		if err != nil {
			return settings{}, fmt.Errorf("SMTP_URL: %w: write smtp://user:password@smtp.example.com?from=login@example.com", err)
		}
	}

	s.storage, err = readStorage(getenv)
	return s, err
}

// run starts the example, and returns after SIGINT or SIGTERM.
func run(getenv func(string) string) error {
	gin.SetMode(gin.ReleaseMode)
	s, err := readSettings(getenv)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once

	sessions, release, err := s.storage.open(ctx)
	if err != nil {
		return err
	}
	defer release()
	app, err := newApp(ctx, s, sessions)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", s.listen)
	if err != nil {
		return fmt.Errorf("%w (another PORT may be free)", err)
	}
	printInstructions(os.Stdout, s)
	return serve(ctx, listener, app)
}

// serve serves requests until ctx is done, and completes those that are active then.
func serve(ctx context.Context, listener net.Listener, app http.Handler) error {
	server := &http.Server{
		Handler:           app,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second, // a sign-in waits for the provider up to 10 seconds
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    64 << 10, // a session cookie has up to 40 KB
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		return errors.Join(fmt.Errorf("stop: %w", err), server.Close())
	}
	return nil
}

// printInstructions prints the URL and the demo accounts.
func printInstructions(w io.Writer, s settings) {
	fmt.Fprintf(w, "\n  Open %s and sign in:\n\n", s.origin)
	for _, d := range demoAccounts("") {
		fmt.Fprintf(w, "    %-7s %-10s %s\n", d.Username, d.Password, d.User.Role)
	}
	fmt.Fprintf(w, "\n  Sessions are stored %v.\n\n", s.storage)
	if s.site != s.origin {
		fmt.Fprintf(w, "  The public URL is %s (AUTH_URL).\n\n", s.site)
	}
	if s.randomSecret {
		fmt.Fprint(w, "  AUTH_SECRET is not set: a random one is used, and sessions end with this process.\n\n")
	}
}
