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

// A place is where sessions live: at most one field is set, and none means that
// they live in their cookies.
type place struct {
	redis    *redis.UniversalOptions
	postgres *pgx.ConnConfig
	memory   bool
}

// readPlace reads REDIS_URL, DATABASE_URL and SESSIONS. No error shows a URL:
// there may be a password in it.
func readPlace(getenv func(string) string) (place, error) {
	var set []string
	for _, name := range []string{"REDIS_URL", "DATABASE_URL", "SESSIONS"} {
		if getenv(name) != "" {
			set = append(set, name)
		}
	}
	if len(set) > 1 {
		return place{}, fmt.Errorf("%s are set: sessions live in one place, so keep one of them", strings.Join(set, " and "))
	}
	if address := getenv("REDIS_URL"); address != "" {
		options, err := redisstore.ParseURL(address)
		if err != nil {
			return place{}, fmt.Errorf("REDIS_URL: %w: write redis://user:password@localhost:6379, or rediss:// for TLS", err)
		}
		return place{redis: options}, nil
	}
	if address := getenv("DATABASE_URL"); address != "" {
		options, err := parsePostgres(address)
		return place{postgres: options}, err
	}
	switch sessions := getenv("SESSIONS"); sessions {
	case "", "memory":
		return place{memory: sessions == "memory"}, nil
	default:
		return place{}, fmt.Errorf("SESSIONS is %q: write memory, or leave it out for sessions in cookies", sessions)
	}
}

// parsePostgres drops the errors of url and pgx, which may quote a password.
func parsePostgres(address string) (*pgx.ConnConfig, error) {
	const advice = "write postgres://user:password@localhost:5432/database"
	u, err := url.Parse(address)
	if err != nil {
		return nil, errors.New("DATABASE_URL is not a URL: " + advice)
	}
	if u.Scheme != "postgres" && u.Scheme != "postgresql" {
		return nil, errors.New("DATABASE_URL: the example speaks PostgreSQL alone (the library SQLite as well): " + advice)
	}
	options, err := pgx.ParseConfig(address)
	if err != nil {
		return nil, errors.New("DATABASE_URL is not understood, perhaps for one of its parameters: " + advice)
	}
	return options, nil
}

// inCookies tells that there is no store, and so no list of sessions.
func (p place) inCookies() bool { return p.redis == nil && p.postgres == nil && !p.memory }

// String says where sessions live, without passwords.
func (p place) String() string {
	switch {
	case p.redis != nil:
		return "in Redis at " + strings.Join(p.redis.Addrs, ", ")
	case p.postgres != nil:
		return "in PostgreSQL at " + net.JoinHostPort(p.postgres.Host, strconv.Itoa(int(p.postgres.Port)))
	case p.memory:
		return "in memory, and end with this process"
	}
	return "in cookies (SESSIONS=memory, REDIS_URL or DATABASE_URL keeps them in a store)"
}

const (
	databaseWait = 5 * time.Second // for PostgreSQL, at the start
	connections  = 10              // to PostgreSQL

	// seenEvery is how exact "last seen" is on the page of sessions. Each time
	// costs a write to the store.
	seenEvery = 5 * time.Minute
)

// open returns the settings for sessions in p. Call release at the end.
// PostgreSQL must be there, since its tables may have to be made. Redis need
// not: nobody is signed in until it is.
func (p place) open(ctx context.Context) (sessions nuxtauth.SessionConfig, release func() error, err error) {
	release = func() error { return nil }
	switch {
	case p.redis != nil:
		client := redis.NewUniversalClient(p.redis)
		sessions.Store, err = redisstore.New(client, redisstore.Options{Prefix: "nuxtauth-example:"})
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

	default: // a copy of a cookie dies with the sign-out
		sessions.DenyList = store.NewMemory(store.MemoryOptions{})
	}
	if err != nil {
		return nuxtauth.SessionConfig{}, nil, errors.Join(fmt.Errorf("sessions can't live %v: %w", p, err), release())
	}
	if sessions.Store != nil {
		sessions.UpdateAge = seenEvery
	}
	return sessions, release, nil
}
