package redisstore

import (
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/redis/go-redis/v9"
)

// ParseURL reads the address of a Redis and adds the settings that a store needs. The
// result, with changes if need be, is for [redis.NewUniversalClient].
//
//	redis://user:password@host:6379/0     one server; 0 is the database
//	rediss://…                            the same with TLS
//	unix:///run/redis.sock                a socket
//	redis://host1?addr=host2:6379         a cluster: addr once for each further server
//	redis://host1:26379?master_name=main  Sentinel: addr once for each further one
//
// Other parameters are errors: their settings are fields of the result. An error does not
// contain the password. Some of those fields:
//
//   - IsClusterMode, for a cluster behind one address.
//   - SentinelUsername and SentinelPassword. Those of the URL are for Redis.
//   - TLSConfig, for certificates. Its ServerName is the first host of the URL, for
//     which the certificate of every server must be valid; without a ServerName it is
//     the host of each.
//
// The settings: contexts bound calls (ContextTimeoutEnabled); half a second each for a
// connection, a write and a read, so that a retry fits into the timeout of a [Store], a
// second; protocol 2 and no CLIENT SETINFO, whose additions are not used; and pipelines
// share the connections of other commands.
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
