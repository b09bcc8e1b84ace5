package store_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/nuxtauth/nuxtauth/store"
)

// A service of one process, with few users: a session takes about 400 bytes, and
// its strings and claims.
func ExampleNewMemory() {
	sessions := store.NewMemory(store.MemoryOptions{MaxSessions: 10_000, MaxBytes: 16 << 20})

	// It is for Config.Session.Store, where nuxtauth finds its other abilities too.
	var _ store.Sessions = sessions

	// With sessions in cookies it is for Config.Session.DenyList, so that a copied cookie
	// stops working after a sign-out.
	var _ store.Marks = sessions
}

// Of all processes that share the store, one at a time sends the report. The lease ends by
// itself if that process stops. Work that takes longer extends its lease, and ends when
// the lease is lost: another process may have it then.
func ExampleLocker() {
	var locker store.Locker = store.NewMemory(store.MemoryOptions{})
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute) // for the wait
	defer cancel()

	const ttl = 30 * time.Second
	lease, err := locker.Lock(ctx, "report", ttl)
	if err != nil {
		log.Fatal(err) // no other process has released it within a minute
	}
	defer lease.Release()
	for _, part := range []string{"first", "second"} {
		if err := lease.Extend(ctx, ttl); err != nil {
			log.Fatal(err) // store.ErrLeaseLost, or the store does not answer
		}
		fmt.Println("sends the", part, "part")
	}

	lease.Release()
	fmt.Println(lease.Extend(ctx, ttl))
	// Output:
	// sends the first part
	// sends the second part
	// store: the lease is lost
}

// A limit of three attempts to sign in within a quarter of an hour. With a store that
// several processes share it holds for all of them together. A sign-in that succeeds
// resets the counter.
func ExampleCounter() {
	var attempts store.Counter = store.NewMemory(store.MemoryOptions{})
	const limit, window = 3, 15 * time.Minute
	ctx := context.Background()
	for _, password := range []string{"guess", "another guess", "a third guess", "correct"} {
		name := "sign-in:ada@example.com"
		n, err := attempts.Count(ctx, name, 1, window) // before the password is checked
		if err != nil {
			log.Fatal(err)
		}
		switch {
		case n > limit:
			fmt.Println("too many attempts")
		case password != "correct":
			fmt.Println("wrong, attempt", n)
		default:
			if _, err := attempts.Count(ctx, name, -n, window); err != nil {
				log.Fatal(err)
			}
			fmt.Println("signed in")
		}
	}
	// Output:
	// wrong, attempt 1
	// wrong, attempt 2
	// wrong, attempt 3
	// too many attempts
}

// logged is a decorator that logs the sessions that end. By its method Unwrap it has
// all abilities of the store that it wraps.
type logged struct{ store.Sessions }

func (l logged) DeleteSession(ctx context.Context, handle string) error {
	err := l.Sessions.DeleteSession(ctx, handle)
	fmt.Println("a session ended, error:", err)
	return err
}

func (l logged) Unwrap() store.Sessions { return l.Sessions }

func ExampleAs() {
	s := logged{store.NewMemory(store.MemoryOptions{})}
	_, isIndex := store.As[store.Index](s)
	_, isLocker := store.As[store.Locker](s)
	fmt.Println("it is an index:", isIndex)
	fmt.Println("it is a locker:", isLocker)
	// Output:
	// it is an index: true
	// it is a locker: true
}

// sessionsOnly is a decorator that hides all other abilities: it has no method
// Unwrap.
type sessionsOnly struct{ store.Sessions }

func ExampleAs_hidden() {
	s := sessionsOnly{store.NewMemory(store.MemoryOptions{})}
	_, isIndex := store.As[store.Index](s)
	fmt.Println("it is an index:", isIndex)
	// Output:
	// it is an index: false
}

// Two times of different names are comparable, in whichever processes they were
// taken: a session that began before the latest revocation of its user has ended.
func ExampleMarks() {
	var marks store.Marks = store.NewMemory(store.MemoryOptions{})
	ctx := context.Background()
	began, _, err := marks.Mark(ctx, "session:1", time.Hour)
	if err != nil {
		log.Fatal(err)
	}
	if _, _, err := marks.Mark(ctx, "revoked:ada", 24*time.Hour); err != nil {
		log.Fatal(err)
	}
	revoked, err := marks.Marked(ctx, "revoked:ada", "revoked:bob")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("ended if Ada's:", began <= revoked[0])
	fmt.Println("ended if Bob's:", began <= revoked[1])
	// Output:
	// ended if Ada's: true
	// ended if Bob's: false
}
