package sqlstore_test

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"
	"log"
	"os"
	"time"

	"github.com/nuxtauth/nuxtauth/store/sqlstore"
)

func Example() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()

	// with import _ "github.com/jackc/pgx/v5/stdlib"
	db, err := sql.Open("pgx", os.Getenv("DATABASE_URL"))
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	sessions, err := sqlstore.New(ctx, db, sqlstore.Options{}) // creates or updates the tables
	if err != nil {
		log.Fatal(err)
	}

	// sessions is for Config.Session.Store. A page "your devices" shows these, and its
	// button "sign out everywhere" ends them:
	devices, err := sessions.ListSessions(ctx, "next-auth", "ada", 100)
	if err != nil {
		log.Fatal(err)
	}
	for _, d := range devices {
		fmt.Println(d.UserAgent, d.SeenAt)
	}
	if _, err := sessions.DeleteSessions(ctx, "next-auth", "ada", ""); err != nil {
		log.Fatal(err)
	}
}

// A service whose role may not create tables. A migration tool has run the files of
// [sqlstore.Migrations] before, with another role, and New returns an error if not.
func ExampleNew_skipMigrations() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()

	db, err := sql.Open("pgx", os.Getenv("DATABASE_URL"))
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	sessions, err := sqlstore.New(ctx, db, sqlstore.Options{SkipMigrations: true})
	if err != nil {
		log.Fatal(err)
	}
	_ = sessions // for Config.Session.Store
}

// A migration tool gets the files from here.
func ExampleMigrations() {
	names, err := fs.Glob(sqlstore.Migrations(), "*/*.sql")
	if err != nil {
		log.Fatal(err)
	}
	for _, name := range names {
		fmt.Println(name)
	}
	// Output:
	// postgres/0001_sessions.sql
	// postgres/0002_counts.sql
	// sqlite/0001_sessions.sql
	// sqlite/0002_counts.sql
}
