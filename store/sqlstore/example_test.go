package sqlstore_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log"
	"os"
	"strconv"
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

// An application with a table of customers, whose IDs are numbers of the database
// (PostgreSQL).
func ExampleUsers() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()

	db, err := sql.Open("pgx", os.Getenv("DATABASE_URL"))
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	users := sqlstore.Users{
		Create: func(ctx context.Context, tx sqlstore.Tx, u *store.User) error {
			var id int64
			err := tx.QueryRowContext(ctx,
				"INSERT INTO customers (email) VALUES (nullif($1, '')) ON CONFLICT (email) DO NOTHING RETURNING id", u.Email).Scan(&id)
			if errors.Is(err, sql.ErrNoRows) {
				return store.ErrEmailTaken
			}
			u.ID = strconv.FormatInt(id, 10)
			return err
		},
		Find: func(ctx context.Context, tx sqlstore.Tx, email string) (*store.User, error) {
			var id int64
			err := tx.QueryRowContext(ctx, "SELECT id FROM customers WHERE email = $1", email).Scan(&id)
			if errors.Is(err, sql.ErrNoRows) {
				return nil, store.ErrNotFound
			}
			return &store.User{ID: strconv.FormatInt(id, 10)}, err
		},
		Delete: func(ctx context.Context, tx sqlstore.Tx, id string) error {
			_, err := tx.ExecContext(ctx, "DELETE FROM customers WHERE id = CAST($1 AS bigint)", id)
			return err
		},
	}
	accounts, err := sqlstore.New(ctx, db, sqlstore.Options{Users: users})
	if err != nil {
		log.Fatal(err)
	}
	_ = accounts // a store.Accounts
}

// An application whose users Auth.js has stored with Prisma, which maps the model User to
// the table users.
func ExampleOpenAuthJS() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()

	db, err := sql.Open("pgx", os.Getenv("DATABASE_URL"))
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	layout := sqlstore.PrismaAdapter()
	layout.Users.Table = "users"
	accounts, err := sqlstore.OpenAuthJS(ctx, db, layout, sqlstore.Options{})
	if err != nil {
		log.Fatal(err) // with the SQL that is missing
	}
	_ = accounts // for Config.Accounts.Store
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
	// mysql/0001_sessions.sql
	// mysql/0002_counts.sql
	// mysql/0003_accounts.sql
	// postgres/0001_sessions.sql
	// postgres/0002_counts.sql
	// postgres/0003_accounts.sql
	// sqlite/0001_sessions.sql
	// sqlite/0002_counts.sql
	// sqlite/0003_accounts.sql
}
