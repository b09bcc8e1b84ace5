package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/redis/go-redis/v9"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/store"
	"github.com/nuxtauth/nuxtauth/store/redisstore"
	"github.com/nuxtauth/nuxtauth/store/sqlstore"
)

// storage is the storage of sessions. At most one field is set; none means cookies.
type storage struct {
	redis    *redis.UniversalOptions
	postgres *pgx.ConnConfig
	memory   bool
}

// readStorage reads REDIS_URL, DATABASE_URL and SESSIONS. No error contains a URL, which
// may have a password.
func readStorage(getenv func(string) string) (storage, error) {
	var set []string
	for _, name := range []string{"REDIS_URL", "DATABASE_URL", "SESSIONS"} {
		if getenv(name) != "" {
			set = append(set, name)
		}
	}
	if len(set) > 1 {
		return storage{}, fmt.Errorf("%s are set: set at most one of them", strings.Join(set, " and "))
	}
	if address := getenv("REDIS_URL"); address != "" {
		options, err := redisstore.ParseURL(address)
		if err != nil {
			return storage{}, fmt.Errorf("REDIS_URL: %w: write redis://user:password@localhost:6379, or rediss:// for TLS", err)
		}
		return storage{redis: options}, nil
	}
	if address := getenv("DATABASE_URL"); address != "" {
		options, err := parsePostgres(address)
		return storage{postgres: options}, err
	}
	switch sessions := getenv("SESSIONS"); sessions {
	case "", "memory":
		return storage{memory: sessions == "memory"}, nil
	default:
		return storage{}, fmt.Errorf("SESSIONS is %q: write memory, or leave it out for sessions in cookies", sessions)
	}
}

// parsePostgres parses a URL. It drops the errors of url and pgx, which may contain a password.
func parsePostgres(address string) (*pgx.ConnConfig, error) {
	const advice = "write postgres://user:password@localhost:5432/database"
	u, err := url.Parse(address)
	if err != nil {
		return nil, errors.New("DATABASE_URL is not a URL: " + advice)
	}
	if u.Scheme != "postgres" && u.Scheme != "postgresql" {
		return nil, errors.New("DATABASE_URL: the example supports PostgreSQL alone (the library SQLite too): " + advice)
	}
	options, err := pgx.ParseConfig(address)
	if err != nil {
		return nil, errors.New("DATABASE_URL is not valid, for example one of its parameters: " + advice)
	}
	return options, nil
}

// inCookies reports whether there is no store, and so no list of sessions.
func (p storage) inCookies() bool { return p.redis == nil && p.postgres == nil && !p.memory }

// String describes the storage, without passwords.
func (p storage) String() string {
	switch {
	case p.redis != nil:
		return "in Redis at " + strings.Join(p.redis.Addrs, ", ")
	case p.postgres != nil:
		return "in PostgreSQL at " + net.JoinHostPort(p.postgres.Host, strconv.Itoa(int(p.postgres.Port)))
	case p.memory:
		return "in memory, until this process ends"
	}
	return "in cookies (or in a store, with SESSIONS=memory, REDIS_URL or DATABASE_URL)"
}

const (
	databaseWait = 5 * time.Second // for PostgreSQL, at the start
	connections  = 10              // to PostgreSQL

	// seenEvery is the precision of "last seen" on the page of sessions. Each
	// change is a write to the store.
	seenEvery = 5 * time.Minute
)

// open returns the configuration of sessions for the storage. Call release at the end.
// PostgreSQL must be running, since its tables may have to be created. Redis need not
// be: requests are signed out until it is.
func (p storage) open(ctx context.Context) (sessions nuxtauth.SessionConfig, release func() error, err error) {
	release = func() error { return nil }
	switch {
	case p.redis != nil:
		client := redis.NewUniversalClient(p.redis)
		sessions.Store, err = redisstore.New(ctx, client, redisstore.Options{Prefix: "nuxtauth-example:"})
		release = client.Close

	case p.postgres != nil:
		db := stdlib.OpenDB(*p.postgres)
		db.SetMaxOpenConns(connections)
		ctx, cancel := context.WithTimeout(ctx, databaseWait)
		defer cancel()
		sessions.Store, err = sqlstore.New(ctx, db, sqlstore.Options{})
		release = db.Close

	case p.memory:
		sessions.Store = store.NewMemory(store.MemoryOptions{})

	default: // a sign-out ends copies of the cookie too
		sessions.DenyList = store.NewMemory(store.MemoryOptions{})
	}
	if err != nil {
		return nuxtauth.SessionConfig{}, nil, errors.Join(fmt.Errorf("sessions can't be stored %v: %w", p, err), release())
	}
	if sessions.Store != nil {
		sessions.UpdateAge = seenEvery
	}
	return sessions, release, nil
}
