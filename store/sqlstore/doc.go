// Package sqlstore keeps sessions and users in PostgreSQL, MySQL, MariaDB or SQLite,
// through database/sql and a driver of the application.
//
// [New] creates the tables, also when several replicas start at once. A [Store] has all
// abilities: [store.Sessions], [store.Index], [store.Marks], [store.Locker],
// [store.Counter], [store.Accounts] and [store.Links].
//
// # PostgreSQL
//
// PostgreSQL 12 or later, with a database in UTF8, and pgx:
//
//	import _ "github.com/jackc/pgx/v5/stdlib"
//
//	db, err := sql.Open("pgx", os.Getenv("DATABASE_URL"))
//
// lib/pq works too, but a call may go on waiting after its context has ended, for a server
// that does not answer or was slow to begin the statement; what is said of timeouts below
// does not hold then.
//
// The database must be the primary: a replica that lags behind still has sessions that
// have ended. If the URL names several hosts, add target_session_attrs=read-write. A
// failover to a replica that lagged behind undoes the last moments before it: a sign-in is
// lost, an ended session is back.
//
// # PgBouncer
//
// A pooler in session mode needs no settings. In transaction mode (or statement mode, in
// which New can't migrate, and methods of store.Accounts that write are errors) each
// transaction may get another connection to PostgreSQL, and the driver must send a
// statement and its arguments in one message. Add to the URL:
//
//	default_query_exec_mode=exec   pgx; simple_protocol and cache_describe are safe too
//	binary_parameters=yes          lib/pq
//
// The default mode of pgx needs max_prepared_statements of PgBouncer 1.21 or later. Its
// describe_exec is never safe there.
//
// With other settings, the statement of another client may run with the arguments of this
// one, without an error. New therefore runs statements on two connections; if these get to
// the same server, it runs 200 more on four, and returns an error that says what to set if
// one is mixed up. It can't see that if db.SetMaxOpenConns(1) is set, or no second
// connection is free for a second. Each statement also has the ID of its call as an
// argument: it changes nothing if it gets the arguments of another, and an answer without
// the ID is a fault, which is retried as those below are. No session, mark, lease or
// count is then missing; calls take longer, and some fail.
//
// # Roles and sizes
//
// The application's role needs SELECT on nuxtauth_schema, and SELECT, INSERT, UPDATE and
// DELETE on nuxtauth_sessions, nuxtauth_marks, nuxtauth_locks, nuxtauth_counts,
// nuxtauth_users, nuxtauth_accounts and nuxtauth_links, if another role runs New, or the
// files of [Migrations], first. A reader of these tables
// can't sign in with their content, but the claims are readable, and so is an access
// token among them.
//
// A session with 250 bytes of claims takes about 1,050 bytes with its share of the
// indexes. The two of the user and of the session at a provider are 100 and 130 of
// these, and have no entry for a session without such a name. The realm, the subject,
// the provider and a name there must be no longer than about 2,600 bytes together to fit
// their index: creating a session with longer ones is an error.
//
// # MySQL and MariaDB
//
// MySQL 8.0 or MariaDB 10.6, or later, and go-sql-driver/mysql:
//
//	import _ "github.com/go-sql-driver/mysql"
//
//	db, err := sql.Open("mysql", "app:"+password+"@tcp(127.0.0.1:3306)/app?interpolateParams=true")
//
// Without interpolateParams a statement is two round trips. All other settings may be those
// of the application, such as parseTime, loc and clientFoundRows; New refuses those with
// which something would be lost: sql_mode must be strict, autocommit on and the character
// set utf8mb4, as they are by default. Times are numbers in the tables, and do not depend
// on time zones. The tests run with MariaDB 10.11; the statements are those that MySQL has
// too.
//
// The application's role needs the same rights as below. Strings are compared byte by
// byte. The realm and the provider of a session have at most 255 bytes, the subject, the
// user and the session at the provider 1,024; longer ones are an error. A session takes
// about 2,700 bytes.
//
// A server goes on with a statement whose call has given up: a write that waited for a
// lock may be done later, within innodb_lock_wait_timeout. In a cluster such as Galera, all
// replicas of the application must write to one node: a lease is one of that node until it
// is replicated.
//
// # Applications with GORM or sqlx
//
// The store needs the *sql.DB, and shares its connections with the application:
//
//	db, err := gormDB.DB() // of a *gorm.DB
//	db := sqlxDB.DB        // of a *sqlx.DB
//
// # SQLite
//
// SQLite 3.35 or later. Writers wait for each other only if the connection has a
// busy_timeout, so New refuses a file without one:
//
//	import _ "modernc.org/sqlite"
//
//	db, err := sql.Open("sqlite", "file:sessions.db?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)")
//
// For mattn/go-sqlite3 that is ?_busy_timeout=5000&_journal_mode=WAL. With WAL, readers
// do not wait for writers. Leave synchronous at FULL, its default: with less, a power
// failure can bring back a session that has just ended. Each connection has its own
// database in memory, which therefore needs db.SetMaxOpenConns(1), and neither
// SetConnMaxLifetime nor SetConnMaxIdleTime. A session takes about 870 bytes.
//
// # Users
//
// The IDs of users are texts of 26 letters and digits, unless the application sets
// others. Tables of the application may refer to nuxtauth_users (id), with ON DELETE
// CASCADE or DeleteUser fails; columns of its own belong there, or into
// [store.User.Extra], and not into the tables of this package. An application that has a
// table of users writes it in the same transactions with Options.Users. SQLite enforces
// such references only if the application has switched that on, with the pragma
// foreign_keys.
//
// A method of [store.Accounts] that writes is one transaction at READ COMMITTED in
// PostgreSQL, at the isolation of the connection in MySQL, and BEGIN IMMEDIATE in SQLite.
// The functions that are passed to UpdateUser and UnlinkAccount run in it, and must not
// call the store. Unique keys decide between calls at once: of first sign-ins at the same
// time one creates the user.
//
// # Auth.js
//
// The users, accounts and links to sign in of [OpenAuthJS] are in the tables that an
// application with Auth.js has, which it leaves as they are. The application's role needs
// SELECT, INSERT, UPDATE and DELETE on them, and SELECT and DELETE on the sessions. A user
// whose COMMIT was not answered is found again by the ID, also where the database makes it.
//
// # Faults
//
// When a connection breaks, the server restarts, or the answer is that of another
// statement, a statement is retried on another connection for about a second, and so is
// the transaction of a method of [store.Accounts]. All but Count have the same effect if
// they run twice; a Mark has the time of the second run. After a transaction whose
// COMMIT was not answered, the next attempt finds what it has written, and returns the
// same. A call to a server that does not answer ends after Options.Timeout, or with the
// context. Its error is none of package store's, and calls succeed again as soon as the
// database answers.
//
// An error of a call that writes does not say that nothing was written. After a broken
// connection four results may be inexact: DeleteUser succeeds also if another call has
// deleted the user, ReplaceSession reports [store.ErrConflict]
// although the first write was its own, the methods that end sessions do not count those
// that the first attempt ended, and Count counts twice if another Count of the same name
// came between its attempts.
//
// # Time
//
// The clock of each process, Options.Now, decides what has expired. If the clocks of two
// replicas differ by d, a session, a mark or a counter may end up to d earlier or later
// for one than for the other, and a lease may pass to the next holder up to d before its
// ttl is over. So a ttl must be well above d and the time that the holder needs. A lease
// that passes too early loses no write: ReplaceSession compares versions. Expired rows
// are deleted five minutes later at the earliest, so that no replica deletes what is
// alive for another.
//
// The times of marks are those of the server in PostgreSQL and MySQL, whatever the
// clocks of the replicas say, and those of Options.Now in SQLite, whose processes share
// a machine. If that clock is set back by d, the marks of one name stay in order, and
// those of two names may be out of order for d. So may they be after a failover to a
// server whose clock is behind.
package sqlstore
