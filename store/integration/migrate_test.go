package integration_test

import (
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/nuxtauth/nuxtauth/store"
	"github.com/nuxtauth/nuxtauth/store/sqlstore"
)

// newest are the migrations of an up-to-date database.
var newest = []int{1, 2, 3}

// versions returns the migrations that a database has recorded.
func versions(t *testing.T, src source) (all []int) {
	t.Helper()
	rows, err := src.connect(t).QueryContext(t.Context(), "SELECT version FROM nuxtauth_schema ORDER BY version")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var v int
		if err := rows.Scan(&v); err != nil {
			t.Fatal(err)
		}
		all = append(all, v)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

func TestMigrate_OnceForConcurrentReplicas(t *testing.T) {
	inEach(t, startAtOnce)
}

// The default isolation of a role may be stricter: a transaction then does not see what
// others did while it waited.
func TestMigrate_OnceInAnyIsolation(t *testing.T) {
	for _, level := range []string{"repeatable read", "serializable"} {
		t.Run(level, func(t *testing.T) {
			p := server(t)
			noLeaks(t)
			name := p.newDatabase(t)
			db := connect(t, "pgx", p.url(name, ""))
			if _, err := db.ExecContext(t.Context(), `ALTER DATABASE "`+name+`" SET default_transaction_isolation = '`+level+`'`); err != nil {
				t.Fatal(err)
			}
			startAtOnce(t, source{"pgx", p.url(name, "")})
		})
	}
}

// startAtOnce opens many stores in an empty database at the same time.
func startAtOnce(t *testing.T, src source) {
	var wg sync.WaitGroup
	start := make(chan struct{})
	for range 2 {
		db := src.connect(t)
		for range 8 {
			wg.Go(func() {
				<-start
				s, err := sqlstore.New(t.Context(), db, sqlstore.Options{Timeout: longTimeout})
				if err == nil {
					err = life(t.Context(), s)
				}
				if err != nil {
					t.Error(err)
				}
			})
		}
	}
	close(start)
	wg.Wait()
	if got := versions(t, src); !slices.Equal(got, newest) {
		t.Errorf("the migrations run were %v, want %v", got, newest)
	}
}

// An older replica that starts during an upgrade must not undo it.
func TestMigrate_LeavesALaterSchema(t *testing.T) {
	inEach(t, func(t *testing.T, src source) {
		db := src.connect(t)
		newStore(t, db, sqlstore.Options{})
		if _, err := db.ExecContext(t.Context(), "INSERT INTO nuxtauth_schema (version) VALUES (99)"); err != nil {
			t.Fatal(err)
		}
		for _, skip := range []bool{false, true} {
			if err := life(t.Context(), newStore(t, db, sqlstore.Options{SkipMigrations: skip})); err != nil {
				t.Error(err)
			}
		}
		if got, want := versions(t, src), append(slices.Clone(newest), 99); !slices.Equal(got, want) {
			t.Errorf("the schema has versions %v, want %v", got, want)
		}
	})
}

// An upgrade ends no session, and a replica of the release before continues.
func TestMigrate_UpgradeLeavesSessions(t *testing.T) {
	inEach(t, func(t *testing.T, src source) {
		db := src.connect(t)
		before := newStore(t, db, sqlstore.Options{})
		for _, statement := range []string{
			"DROP TABLE nuxtauth_links", "DROP TABLE nuxtauth_accounts", "DROP TABLE nuxtauth_users", "DROP TABLE nuxtauth_counts", "DELETE FROM nuxtauth_schema WHERE version > 1",
		} {
			if _, err := db.ExecContext(t.Context(), statement); err != nil {
				t.Fatal(err)
			}
		}
		u := signIn(t, before, "ada")
		after := newStore(t, db, sqlstore.Options{})
		if got := versions(t, src); !slices.Equal(got, newest) {
			t.Errorf("the migrations run were %v, want %v", got, newest)
		}
		for _, s := range []*sqlstore.Store{before, after} {
			if err := u.request(t, s); err != nil {
				t.Error(err)
			}
		}
		if err := life(t.Context(), after); err != nil {
			t.Error(err)
		}
	})
}

// Another tool may run the files, and New later ones.
func TestMigrate_FilesRunByAnotherTool(t *testing.T) {
	inEach(t, func(t *testing.T, src source) {
		dialect := map[string]sqlstore.Dialect{"pgx": sqlstore.PostgreSQL, "sqlite": sqlstore.SQLite, "mysql": sqlstore.MySQL}[src.driver]
		if dialect == sqlstore.MySQL {
			src.name += "&multiStatements=true"
		}
		db := src.connect(t)
		if _, err := sqlstore.New(t.Context(), db, sqlstore.Options{SkipMigrations: true}); err == nil {
			t.Error("New accepted an empty database")
		}
		names, err := fs.Glob(sqlstore.Migrations(), path.Join(string(dialect), "*.sql"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			sql, err := fs.ReadFile(sqlstore.Migrations(), name)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := db.ExecContext(t.Context(), string(sql)); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		for _, skip := range []bool{true, false} {
			if err := life(t.Context(), newStore(t, db, sqlstore.Options{SkipMigrations: skip})); err != nil {
				t.Error(err)
			}
		}
	})
}

// A migration that fails changes nothing, and leaves no connection within a transaction
// in the pool.
func TestMigrate_FailureChangesNothing(t *testing.T) {
	inEach(t, func(t *testing.T, src source) {
		if src.driver == "mysql" {
			t.Skip("has no transactions that create tables, see TestMigrate_ContinuesInMySQL")
		}
		db := src.connect(t)
		db.SetMaxOpenConns(1)
		ctx := t.Context()
		if _, err := db.ExecContext(ctx, "CREATE TABLE nuxtauth_locks (mine bigint)"); err != nil { // in the way
			t.Fatal(err)
		}
		if s, err := sqlstore.New(ctx, db, sqlstore.Options{}); s != nil || err == nil {
			t.Fatalf("New = %v, %v, want an error", s, err)
		}
		if _, err := db.ExecContext(ctx, "SELECT * FROM nuxtauth_sessions"); err == nil {
			t.Error("a part of the migration was committed")
		}
		if _, err := db.ExecContext(ctx, "DROP TABLE nuxtauth_locks"); err != nil {
			t.Fatal(err)
		}
		if err := life(ctx, newStore(t, db, sqlstore.Options{})); err != nil {
			t.Error(err)
		}
	})
}

// A migration of MySQL that broke off, after any of its statements, is run again.
func TestMigrate_ContinuesInMySQL(t *testing.T) {
	m := mariaServer(t)
	noLeaks(t)
	names, err := fs.Glob(sqlstore.Migrations(), "mysql/*.sql")
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, name := range names {
		sql, err := fs.ReadFile(sqlstore.Migrations(), name)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, strings.Split(strings.TrimSuffix(string(sql), ";\n"), ";\n")...)
	}
	for n := range all {
		src := source{"mysql", m.source(m.newDatabase(t), "", mysqlSettings)}
		db := src.connect(t)
		for _, statement := range all[:n] {
			if _, err := db.ExecContext(t.Context(), statement); err != nil {
				t.Fatal(err)
			}
		}
		if err := life(t.Context(), newStore(t, db, sqlstore.Options{})); err != nil {
			t.Errorf("after %d statements: %v", n, err)
		}
		if got := versions(t, src); !slices.Equal(got, newest) {
			t.Errorf("after %d statements the migrations run are %v, want %v", n, got, newest)
		}
	}
}

// The application's role needs no right to create tables that exist.
func TestMigrate_RoleOfTheApplication(t *testing.T) {
	p := server(t)
	name := p.newDatabase(t)
	owner := connect(t, "pgx", p.url(name, ""))
	newStore(t, owner, sqlstore.Options{})
	role := "app_" + store.NewID()
	for _, statement := range []string{
		`CREATE ROLE "` + role + `" LOGIN`,
		`GRANT SELECT ON nuxtauth_schema TO "` + role + `"`,
		`GRANT SELECT, INSERT, UPDATE, DELETE ON ` + strings.Join(tables, ", ") + ` TO "` + role + `"`,
	} {
		if _, err := owner.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	app := connect(t, "pgx", p.url(name, "")+"&user="+role)
	if _, err := app.ExecContext(t.Context(), "CREATE TABLE t (n int)"); err == nil {
		t.Fatal("the role may create tables: this tests nothing")
	}
	if err := life(t.Context(), newStore(t, app, sqlstore.Options{})); err != nil {
		t.Error(err)
	}
}
