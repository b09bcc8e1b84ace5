package redisstore

import "github.com/nuxtauth/nuxtauth/store"

// Encode returns a session as Redis keeps it.
func Encode(r *store.Record) string {
	value, _ := (&entry{Record: *r}).encode()
	return string(value)
}

// Decode reads what Redis keeps of a session.
func Decode(value string) (*store.Record, error) {
	e, err := decode(store.Key{}, value)
	if err != nil {
		return nil, err
	}
	return &e.Record, nil
}
