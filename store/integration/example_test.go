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

// Sessions in a file, for a service on one machine. They outlive a restart.
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
	sessions, err := sqlstore.New(ctx, db, sqlstore.Options{}) // makes or updates the tables
	if err != nil {
		log.Fatal(err)
	}

	// This is what happens when Ada signs in, and then with each of her requests.
	handle, err := sessions.Create(ctx, &store.Record{
		Subject:   "ada",
		Claims:    []byte(`{"sub":"ada"}`),
		CreatedAt: time.Now(), SeenAt: time.Now(), ExpiresAt: time.Now().Add(24 * time.Hour),
		UserAgent: "Firefox",
	})
	if err != nil {
		log.Fatal(err)
	}
	session, err := sessions.Find(ctx, handle)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(session.Subject, "with", session.UserAgent)

	// Her button "sign out everywhere".
	n, err := sessions.DeleteWhere(ctx, store.Filter{Subject: "ada"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("sessions ended:", n)
	// Output:
	// ada with Firefox
	// sessions ended: 1
}

// Sessions in PostgreSQL, for a service of several replicas, which may all
// start at once.
func Example_postgres() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()

	db, err := sql.Open("pgx", os.Getenv("DATABASE_URL"))
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(20) // of each replica: all of them share the server's max_connections
	db.SetMaxIdleConns(20) // 2 without this, so that most requests would wait for a new one

	sessions, err := sqlstore.New(ctx, db, sqlstore.Options{})
	if err != nil {
		log.Fatal(err)
	}
	devices, err := sessions.List(ctx, "ada")
	if err != nil {
		log.Fatal(err)
	}
	for _, d := range devices {
		fmt.Println(d.UserAgent, d.SeenAt)
	}
}
