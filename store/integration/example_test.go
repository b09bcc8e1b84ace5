package integration_test

import (
	"context"
	"database/sql"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"github.com/nuxtauth/nuxtauth/store"
	"github.com/nuxtauth/nuxtauth/store/sqlstore"
)

// Sessions in a file, for a service on one machine. They survive a restart.
func Example_sqlite() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)

	file := filepath.Join(dir, "sessions.db")
	db, err := sql.Open("sqlite", "file:"+file+"?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)")
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	sessions, err := sqlstore.New(ctx, db, sqlstore.Options{}) // creates or updates the tables
	if err != nil {
		log.Fatal(err)
	}

	// The library does this at a sign-in, and then for each request.
	handle, err := sessions.CreateSession(ctx, &store.Record{
		Realm:     "next-auth",
		Subject:   "ada",
		Claims:    []byte(`{"sub":"ada"}`),
		CreatedAt: time.Now(), SeenAt: time.Now(), ExpiresAt: time.Now().Add(24 * time.Hour),
		UserAgent: "Firefox",
	})
	if err != nil {
		log.Fatal(err)
	}
	session, err := sessions.FindSession(ctx, handle)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(session.Subject, "with", session.UserAgent)

	// And this to sign the user out everywhere.
	n, err := sessions.DeleteSessions(ctx, "next-auth", "ada", "")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("sessions ended:", n)
	// Output:
	// ada with Firefox
	// sessions ended: 1
}

// Sessions in PostgreSQL, for a service of several replicas, which may start at the same
// time.
func Example_postgres() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()

	db, err := sql.Open("pgx", os.Getenv("DATABASE_URL"))
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(20) // of each replica: all of them share the server's max_connections
	db.SetMaxIdleConns(20) // 2 by default, with which most requests would wait for a new one

	sessions, err := sqlstore.New(ctx, db, sqlstore.Options{})
	if err != nil {
		log.Fatal(err)
	}
	devices, err := sessions.ListSessions(ctx, "next-auth", "ada", 100)
	if err != nil {
		log.Fatal(err)
	}
	for _, d := range devices {
		fmt.Println(d.UserAgent, d.SeenAt)
	}
}
