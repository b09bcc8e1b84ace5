package redisstore_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/nuxtauth/nuxtauth/store/redisstore"
)

// unasked are the options with which New sends nothing to the server.
var unasked = redisstore.Options{DangerouslyAllowEviction: true}

func TestRedis_NewRefusesUnfitClients(t *testing.T) {
	node := func(change func(o *redis.Options)) redis.UniversalClient {
		o := &redis.Options{ContextTimeoutEnabled: true}
		change(o)
		return redis.NewClient(o)
	}
	cluster := func(change func(o *redis.ClusterOptions)) redis.UniversalClient {
		o := &redis.ClusterOptions{Addrs: []string{"127.0.0.1:1"}, ContextTimeoutEnabled: true}
		change(o)
		return redis.NewClusterClient(o)
	}
	for name, c := range map[string]struct {
		client redis.UniversalClient
		want   []string // parts of the error; none if there is no error
	}{
		"none":     {nil, []string{"client is nil"}},
		"a server": {node(func(*redis.Options) {}), nil},
		"Sentinel": {redis.NewFailoverClient(&redis.FailoverOptions{
			MasterName: "main", SentinelAddrs: []string{"127.0.0.1:1"}, ContextTimeoutEnabled: true,
		}), nil},
		"a cluster": {cluster(func(*redis.ClusterOptions) {}), nil},
		"a server without deadlines": {
			node(func(o *redis.Options) { o.ContextTimeoutEnabled = false }), []string{"ContextTimeoutEnabled"},
		},
		"a server with a cache": {
			node(func(o *redis.Options) { o.ClientSideCacheConfig = &redis.ClientSideCacheConfig{} }), []string{"cache"},
		},
		"a cluster without deadlines that reads from replicas": {
			cluster(func(o *redis.ClusterOptions) { o.ContextTimeoutEnabled, o.ReadOnly = false, true }),
			[]string{"ContextTimeoutEnabled", "replicas"},
		},
		"a cluster that reads from the nearest": {
			cluster(func(o *redis.ClusterOptions) { o.RouteByLatency = true }), []string{"replicas"},
		},
		"a cluster that reads from any": {
			cluster(func(o *redis.ClusterOptions) { o.RouteRandomly = true }), []string{"replicas"},
		},
		"a ring": {redis.NewRing(&redis.RingOptions{ContextTimeoutEnabled: true}), []string{"Ring"}},
	} {
		t.Run(name, func(t *testing.T) {
			if c.client != nil {
				defer c.client.Close()
			}
			s, err := redisstore.New(t.Context(), c.client, unasked)
			if len(c.want) == 0 {
				if s == nil || err != nil {
					t.Errorf("New: %v", err)
				}
				return
			}
			if s != nil || err == nil {
				t.Fatal("New succeeds")
			}
			for _, part := range c.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("New: %v, want %q in it", err, part)
				}
			}
		})
	}
}

func TestRedis_NewRefusesNegativeTimeouts(t *testing.T) {
	client := redis.NewClient(&redis.Options{ContextTimeoutEnabled: true})
	defer client.Close()
	if _, err := redisstore.New(t.Context(), client, redisstore.Options{Timeout: -time.Second, DangerouslyAllowEviction: true}); err == nil {
		t.Error("New succeeds")
	}
}

func TestParseURL(t *testing.T) {
	type result struct {
		Addrs                      []string
		Master, Username, Password string
		DB                         int
		TLS                        string // the name of the server
	}
	for url, want := range map[string]result{
		"redis://localhost":                    {Addrs: []string{"localhost:6379"}},
		"redis://ada:s3cret@cache:6380/5":      {Addrs: []string{"cache:6380"}, Username: "ada", Password: "s3cret", DB: 5},
		"redis://:p%40ss@[::1]:6380":           {Addrs: []string{"[::1]:6380"}, Password: "p@ss"},
		"rediss://cache.example.com":           {Addrs: []string{"cache.example.com:6379"}, TLS: "cache.example.com"},
		"unix:///run/redis.sock":               {Addrs: []string{"/run/redis.sock"}},
		"rediss://a:1?addr=b:2&addr=c:3":       {Addrs: []string{"a:1", "b:2", "c:3"}, TLS: "a"},
		"redis://a:1/2?master_name=m&addr=b:2": {Addrs: []string{"a:1", "b:2"}, Master: "m", DB: 2},
	} {
		o, err := redisstore.ParseURL(url)
		if err != nil {
			t.Errorf("ParseURL(%q): %v", url, err)
			continue
		}
		got := result{o.Addrs, o.MasterName, o.Username, o.Password, o.DB, ""}
		if o.TLSConfig != nil {
			got.TLS = o.TLSConfig.ServerName
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("ParseURL(%q) (-want +got):\n%s", url, diff)
		}
		client := redis.NewUniversalClient(o)
		if _, err := redisstore.New(t.Context(), client, unasked); err != nil {
			t.Errorf("New refuses the client of %q: %v", url, err)
		}
		client.Close()
	}
}

func TestParseURL_ErrorsHaveNoPassword(t *testing.T) {
	for _, url := range []string{
		"", "localhost:6379", "http://ada:s3cret@cache", "redis://ada:s3cret@cache:port", "redis://ada:s3cret@cache/db",
		"redis://ada:s3cret@cache?db=1", "redis://ada:s3cret@cache?read_timeout=9s", "redis://ada:s3cret@ca\x00che",
		"ada:s3cret@cache", "redis://ada:s3#cret@cache:1/x", "redis://ada:s3cret/@cache",
	} {
		o, err := redisstore.ParseURL(url)
		if err == nil {
			t.Errorf("ParseURL(%q) = %+v, want an error", url, o)
		} else if strings.Contains(err.Error(), "s3") {
			t.Errorf("ParseURL(%q): %v", url, err)
		}
	}
}
