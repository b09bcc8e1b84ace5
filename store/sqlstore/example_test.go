package sqlstore_test

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"
	"log"
	"os"
	"time"

	"github.com/nuxtauth/nuxtauth/store"
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
	sessions, err := sqlstore.New(ctx, db, sqlstore.Options{}) // makes or updates the tables
	if err != nil {
		log.Fatal(err)
	}

	// Give sessions to nuxtauth as Config.Session.Store. What a user's page
	// "your devices" shows, and its button "sign out everywhere":
	devices, err := sessions.List(ctx, "ada")
	if err != nil {
		log.Fatal(err)
	}
	for _, d := range devices {
		fmt.Println(d.UserAgent, d.SeenAt)
	}
	if _, err := sessions.DeleteWhere(ctx, store.Filter{Subject: "ada"}); err != nil {
		log.Fatal(err)
	}
}

// Teams that run their own migrations take the files from here.
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
