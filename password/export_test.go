package password

import "context"

// Parse returns the string that a stored hash is written as after it has been parsed, and
// whether a test can afford to verify it.
func Parse(stored string) (written string, cheap bool, err error) {
	r, err := parse(stored)
	switch r := r.(type) {
	case argon2id:
		return r.String(), r.memory <= 1024 && r.iterations <= 8, err
	case scryptHash:
		return r.String(), r.n*r.r*r.p <= 1<<13, err
	case bcryptHash:
		return string(r), r[5] == '4' && r[4] == '0', err
	}
	return "", false, err
}

// Occupy takes so many of the hashes that may be made at once.
func (h *Hasher) Occupy(units int64) (done func()) {
	done, err := h.begin(context.Background(), units)
	if err != nil {
		panic(err)
	}
	return done
}

// CommonPasswords is the list of common passwords, after the licence.
func CommonPasswords() string { return common }
