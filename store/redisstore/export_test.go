package redisstore

import "github.com/nuxtauth/nuxtauth/store"

// Encode returns the string of a session in Redis.
func Encode(r *store.Record) string {
	value, _ := (&entry{Record: *r}).encode()
	return string(value)
}

// Decode reads the string of a session in Redis.
func Decode(value string) (*store.Record, error) {
	e, err := decode(store.Key{}, value)
	if err != nil {
		return nil, err
	}
	return &e.Record, nil
}
