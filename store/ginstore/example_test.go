package ginstore_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/gin-contrib/sessions/cookie"
	"github.com/gin-contrib/sessions/filesystem"

	"github.com/nuxtauth/nuxtauth/store"
	"github.com/nuxtauth/nuxtauth/store/ginstore"
)

// The backend is the store that the application has for sessions.Sessions already.
func ExampleNew() {
	dir, err := os.MkdirTemp("", "sessions")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	backend := filesystem.NewStore(dir, []byte("32 random bytes or more, a secret"))

	sessions, err := ginstore.New(backend, ginstore.Options{Name: "sign-in"})
	if err != nil {
		log.Fatal(err)
	}

	// It is for Config.Session.Store. It can't list the sessions of a user:
	_, isIndex := store.As[store.Index](sessions)
	fmt.Println("it is an index:", isIndex)
	// Output:
	// it is an index: false
}

// A cookie store has the session in the browser, and can't end it.
func ExampleNew_cookie() {
	sessions, err := ginstore.New(cookie.NewStore([]byte("32 random bytes or more, a secret")), ginstore.Options{})
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	handle, err := sessions.CreateSession(ctx, &store.Record{Realm: "next-auth", Subject: "ada", ExpiresAt: time.Now().Add(time.Hour)})
	if err != nil {
		log.Fatal(err)
	}
	err = sessions.DeleteSession(ctx, handle)
	fmt.Println("a copy of the cookie still works:", errors.Is(err, store.ErrUnsupported))
	// Output:
	// a copy of the cookie still works: true
}
