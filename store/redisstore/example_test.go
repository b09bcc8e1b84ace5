package redisstore_test

import (
	"context"
	"crypto/tls"
	"log"
	"net/http"
	"os"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/nuxtauth/nuxtauth/store"
	"github.com/nuxtauth/nuxtauth/store/redisstore"
)

// The address of Redis is in the environment, such as
// REDIS_URL=rediss://user:password@redis.example.com:6379/0.
func Example() {
	options, err := redisstore.ParseURL(os.Getenv("REDIS_URL"))
	if err != nil {
		log.Fatal(err)
	}
	client := redis.NewUniversalClient(options)
	defer client.Close()

	sessions, err := redisstore.New(context.Background(), client, redisstore.Options{Prefix: "shop:"})
	if err != nil {
		log.Fatal(err)
	}

	// It is for Config.Session.Store, where nuxtauth finds its other abilities too.
	var _ store.Sessions = sessions
}

// A cluster that authenticates clients by certificates and has a certificate for each
// server, and a store with a longer timeout.
func ExampleParseURL() {
	options, err := redisstore.ParseURL("rediss://redis-1:6379?addr=redis-2:6379&addr=redis-3:6379")
	if err != nil {
		log.Fatal(err)
	}
	certificate, err := tls.LoadX509KeyPair("client.pem", "client-key.pem")
	if err != nil {
		log.Fatal(err)
	}
	options.TLSConfig.ServerName = ""
	options.TLSConfig.Certificates = []tls.Certificate{certificate}
	options.ReadTimeout = time.Second
	client := redis.NewUniversalClient(options)
	defer client.Close()

	sessions, err := redisstore.New(context.Background(), client, redisstore.Options{Timeout: 2 * time.Second})
	if err != nil {
		log.Fatal(err)
	}
	_ = sessions // for Config.Session.Store
}

// Three Sentinels, which have a password of their own, and the primary that they call
// "main".
func ExampleParseURL_sentinel() {
	options, err := redisstore.ParseURL("redis://user:password@sentinel-1:26379?master_name=main&addr=sentinel-2:26379&addr=sentinel-3:26379")
	if err != nil {
		log.Fatal(err)
	}
	options.SentinelPassword = os.Getenv("SENTINEL_PASSWORD")
	client := redis.NewUniversalClient(options)
	defer client.Close()

	sessions, err := redisstore.New(context.Background(), client, redisstore.Options{})
	if err != nil {
		log.Fatal(err)
	}
	_ = sessions // for Config.Session.Store
}

// A readiness probe: a load balancer sends no requests to a process that can't reach
// Redis.
func ExampleStore_Check() {
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:6379", ContextTimeoutEnabled: true})
	defer client.Close()
	sessions, err := redisstore.New(context.Background(), client, redisstore.Options{})
	if err != nil {
		log.Fatal(err)
	}
	http.HandleFunc("GET /ready", func(w http.ResponseWriter, r *http.Request) {
		if err := sessions.Check(r.Context()); err != nil {
			log.Print(err)
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
}

// Options that do not come from ParseURL need these five fields at least.
func ExampleNew() {
	client := redis.NewClient(&redis.Options{
		Addr:                  "127.0.0.1:6379",
		ContextTimeoutEnabled: true,
		DialTimeout:           500 * time.Millisecond,
		ReadTimeout:           500 * time.Millisecond,
		WriteTimeout:          500 * time.Millisecond,
	})
	defer client.Close()

	sessions, err := redisstore.New(context.Background(), client, redisstore.Options{})
	if err != nil {
		log.Fatal(err)
	}
	_ = sessions // for Config.Session.Store
}
