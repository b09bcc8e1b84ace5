// Package sqlstore keeps sessions in PostgreSQL or SQLite, through database/sql
// and a driver of your choice.
//
// [New] makes the tables by itself, safely when several replicas start at once.
// A [Store] is also [store.Marks], a [store.Locker] and a [store.Counter].
//
// # PostgreSQL
//
// PostgreSQL 12 or later, with a database in UTF8, and pgx:
//
//	import _ "github.com/jackc/pgx/v5/stdlib"
//
//	db, err := sql.Open("pgx", os.Getenv("DATABASE_URL"))
//
// lib/pq works too, but goes on waiting for a server that has fallen silent
// although the context has ended; what is said below of timeouts does not hold.
//
// PgBouncer may stand between: no statement needs a connection of its own but
// those of the migrations, which are one transaction. For a PgBouncer that
// can't keep prepared statements, add default_query_exec_mode=exec to pgx's URL.
// The database must be the primary: a replica that lags behind would show
// sessions that have ended. Where the URL names several hosts, add
// target_session_attrs=read-write. A failover to a replica that lagged behind
// undoes the last moments before it: a sign-in is lost, an ended session is back.
//
// A service that may do little needs SELECT on nuxtauth_schema, and SELECT,
// INSERT, UPDATE and DELETE on nuxtauth_sessions, nuxtauth_marks, nuxtauth_locks
// and nuxtauth_counts; somebody else then runs New, or the files of [Migrations],
// first.
// Who reads these tables can't sign in with what is there, but claims are
// readable, and so is an access token that they hold.
//
// A subject, or a user or a session at a provider, of more than about 2,600 bytes
// does not fit its index: to create such a session is an error. The two indexes of
// what is at a provider have no entry for a session that has none.
//
// # SQLite
//
// SQLite 3.35 or later. Writers wait for each other only where the connection
// says for how long, so New refuses a file without a busy_timeout:
//
//	import _ "modernc.org/sqlite"
//
//	db, err := sql.Open("sqlite", "file:sessions.db?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)")
//
// mattn/go-sqlite3 writes that as ?_busy_timeout=5000&_journal_mode=WAL. WAL lets
// readers go on while somebody writes. Leave synchronous at FULL, its default:
// with less, a power failure can bring back a session that has just ended.
// A database in memory belongs to one connection; it takes db.SetMaxOpenConns(1)
// and neither SetConnMaxLifetime nor SetConnMaxIdleTime.
//
// # Faults
//
// Every statement but that of Count may be run twice with the result of once.
// When a connection breaks, or the server restarts, it is run again on another,
// for about a second at most. A server that does not answer is given up after
// Options.Timeout, or when the context ends. What is left is an error that is
// none of package store's, and calls succeed again as soon as the database
// answers.
//
// An error of Create, Replace, Delete, DeleteWhere, Mark or Count does not say
// that nothing was written. After a broken connection three things may show:
// Replace reports [store.ErrConflict] although the write that came first is its
// own, DeleteWhere does not count sessions that it has ended, and Count counts
// twice if another Count of the same name came between its two attempts.
//
// # Time
//
// Each process judges by its own clock, Options.Now, what has expired. If the
// clocks of two replicas differ by d, a session, a mark or a count may end up to
// d earlier or later at one than at the other, and a lock may pass to the next
// holder up to d before its ttl is over. So let a lock's ttl be well above d
// and above the time that its holder needs. A lock that passes too early loses
// no write: Replace compares versions. Expired rows are not found any more at
// once, and deleted five minutes later at the earliest, so that no replica
// deletes what lives for another.
package sqlstore
