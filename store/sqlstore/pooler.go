package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"time"
)

// The connections and the rounds of statements in which mixUp looks for mixed up
// statements.
const (
	poolerConns  = 4
	poolerRounds = 50
)

// poolerWait bounds the wait for the connections of checkPooler, which the application
// may be using.
const poolerWait = time.Second

// unsafePooler replaces an error of New that wraps errMixedUp by one that says what to set.
func unsafePooler(err error) error {
	if !errors.Is(err, errMixedUp) {
		return err
	}
	// %v, because New must not try again.
	return fmt.Errorf("a pooler in transaction mode is in front of PostgreSQL, and the driver is not set for it: "+
		"add default_query_exec_mode=exec to the URL (pgx) or binary_parameters=yes (lib/pq), "+
		"or set max_prepared_statements of PgBouncer 1.21 or later (pgx in its default mode), or pool_mode=session (%v)", err)
}

// checkPooler returns an error that wraps errMixedUp if a pooler gives the statements of
// one connection to several connections of PostgreSQL, and the driver is not set for that.
// It tells by what happens to statements, and so refuses no pooler that keeps their parts
// together. It sees nothing if the database allows one connection, or has no second one to
// spare.
func (s *Store) checkPooler(ctx context.Context) error {
	n := poolerConns
	if limit := s.db.Stats().MaxOpenConnections; limit > 0 {
		n = min(n, limit)
	}
	conns := s.connections(ctx, n)
	defer func() {
		for _, conn := range conns {
			_ = conn.Close()
		}
	}()
	if len(conns) < 2 {
		return nil
	}
	shared, err := s.sharedServer(ctx, conns[0], conns[1])
	if err != nil || !shared {
		return err
	}
	return s.mixUp(ctx, conns)
}

// connections returns at most n connections, fewer if the database has no more to spare.
func (s *Store) connections(ctx context.Context, n int) (conns []*sql.Conn) {
	ctx, cancel := context.WithTimeout(ctx, poolerWait)
	defer cancel()
	for len(conns) < n {
		conn, err := s.db.Conn(ctx)
		if err != nil {
			break
		}
		conns = append(conns, conn)
	}
	return conns
}

// sharedServer reports whether the statements of two connections, which are both open, get
// to the same process of PostgreSQL, or those of one to several. Poolers take the server
// that was used last, or the next of a circle: in this order, either is seen.
func (s *Store) sharedServer(ctx context.Context, a, b *sql.Conn) (bool, error) {
	servers := make(map[int64]*sql.Conn)
	for _, conn := range []*sql.Conn{a, b, b, a, a, b} {
		pid, err := first(queryOnce(ctx, s.dialect, conn, scan[int64], `SELECT pg_backend_pid()`))
		if err != nil {
			return false, err
		}
		if other, ok := servers[pid]; ok && other != conn {
			return true, nil
		}
		servers[pid] = conn
	}
	return len(servers) > 2, nil
}

// mixUp runs different statements on several connections at once, and returns errMixedUp
// if one gets the answer of another.
func (s *Store) mixUp(ctx context.Context, conns []*sql.Conn) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	errs := make([]error, len(conns))
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i, conn := range conns {
		wg.Go(func() {
			<-start
			statement := fmt.Sprintf(`SELECT %d`, i)
			for range poolerRounds {
				if _, errs[i] = queryOnce(ctx, s.dialect, conn, scan[int64], statement); errs[i] != nil {
					cancel()
					return
				}
			}
		})
	}
	close(start)
	wg.Wait()
	return errors.Join(errs...)
}
