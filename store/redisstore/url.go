package redisstore

import (
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/redis/go-redis/v9"
)

// ParseURL reads the address of a Redis and adds the settings that a store
// needs. Change what you like, and hand the result to [redis.NewUniversalClient].
//
//	redis://user:password@host:6379/0     one server; 0 is the database
//	rediss://…                            the same with TLS
//	unix:///run/redis.sock                a socket
//	redis://host1?addr=host2:6379         a cluster: addr once for each further server
//	redis://host1:26379?master_name=main  Sentinel, with more addr if you like
//
// Other parameters are errors: what they would set are fields of the result. The
// error shows nothing of a password. Some of those fields:
//
//   - IsClusterMode, for a cluster behind one address.
//   - SentinelUsername and SentinelPassword. Those of the URL are for Redis.
//   - TLSConfig, for certificates. Its ServerName is the first host of the URL,
//     which the certificate of every server must be for; without a ServerName it
//     is the host of each.
//
// The settings: contexts bound calls (ContextTimeoutEnabled); half a second for a
// connection, a write and a read each, so that a second try fits into the
// second that a [Store] has; protocol 2 and no CLIENT SETINFO, because nothing
// of what they add is used; and pipelines share the other commands' connections,
// because they are rare here.
func ParseURL(rawURL string) (*redis.UniversalOptions, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return nil, errors.New("redisstore: the URL is malformed") // err would quote the password
	}
	query := u.Query()
	addrs, master := query["addr"], query.Get("master_name")
	for name := range query {
		if name != "addr" && name != "master_name" {
			return nil, fmt.Errorf("redisstore: unknown parameter %q in the URL", name)
		}
	}
	u.RawQuery = ""
	server, err := redis.ParseURL(u.String())
	if err != nil {
		return nil, fmt.Errorf("redisstore: %w", err)
	}
	return &redis.UniversalOptions{
		Addrs:      append([]string{server.Addr}, addrs...),
		MasterName: master,
		Username:   server.Username,
		Password:   server.Password,
		DB:         server.DB,
		TLSConfig:  server.TLSConfig,

		ContextTimeoutEnabled: true,
		DialTimeout:           500 * time.Millisecond,
		DialerRetries:         1,
		ReadTimeout:           500 * time.Millisecond,
		WriteTimeout:          500 * time.Millisecond,
		MaxRetryBackoff:       100 * time.Millisecond,
		Protocol:              2,
		DisableIdentity:       true,
		PipelinePoolSize:      -1,
	}, nil
}
