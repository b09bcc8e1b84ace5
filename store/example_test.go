package store_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/nuxtauth/nuxtauth/store"
)

// Three attempts to sign in within a quarter of an hour, whichever process of the
// service they reach: with a store that all of them share, not the one in memory.
// Who signs in starts from 0 again.
func ExampleCounter() {
	var attempts store.Counter = store.NewMemory(store.MemoryOptions{})
	const limit, window = 3, 15 * time.Minute
	ctx := context.Background()

	for _, password := range []string{"guess", "another guess", "a third guess", "correct"} {
		name := "sign-in:ada@example.com"
		n, err := attempts.Count(ctx, name, 1, window) // before the password is looked at
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
