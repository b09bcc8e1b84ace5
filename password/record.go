package password

import (
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"math/bits"
	"strconv"
	"strings"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/bcrypt"
	"golang.org/x/crypto/scrypt"
)

// The limits of stored hashes: with more, one sign-in could take the memory or a processor
// for minutes. Those of the time are a few seconds.
const (
	maxMemory     = 1 << 20 // KiB
	maxWork       = 4 << 20 // KiB of memory × passes
	maxBcryptCost = 16
	maxLength     = 512 // of the string

	minSalt, maxSalt = 8, 64
	minKey, maxKey   = 16, 64
)

// A record is a stored hash, with parameters below the limits.
type record interface {
	matches(password []byte) bool
	memoryKiB() int64
	weakerThan(a argon2id) bool
}

// base64PHC is that of PHC strings: the standard alphabet without padding.
var base64PHC = base64.RawStdEncoding.Strict()

// parse returns the record of a stored hash. No error has a part of it.
func parse(stored string) (record, error) {
	if len(stored) > maxLength {
		return nil, fmt.Errorf("%w: longer than %d bytes", ErrUnsupported, maxLength)
	}
	switch {
	case strings.HasPrefix(stored, "$argon2id$"):
		return parseArgon2id(stored)
	case strings.HasPrefix(stored, "$scrypt$"):
		return parseScrypt(stored)
	case strings.HasPrefix(stored, "$2a$"), strings.HasPrefix(stored, "$2b$"), strings.HasPrefix(stored, "$2y$"):
		return parseBcrypt(stored)
	}
	return nil, fmt.Errorf("%w: not of Argon2id, bcrypt or scrypt", ErrUnsupported)
}

// argon2id is a hash of Argon2id (RFC 9106), version 19.
type argon2id struct {
	memory     uint32 // KiB
	iterations uint32
	lanes      uint8
	salt, key  []byte
}

func parseArgon2id(stored string) (record, error) {
	fields := strings.Split(stored, "$")
	if len(fields) != 6 || fields[2] != "v=19" {
		return nil, fmt.Errorf("%w: not $argon2id$v=19$parameters$salt$hash", ErrUnsupported)
	}
	p, ok := parameters(fields[3], "m", "t", "p")
	if !ok {
		return nil, fmt.Errorf("%w: the parameters of Argon2id are not m=…,t=…,p=…", ErrUnsupported)
	}
	memory, iterations, lanes := p[0], p[1], p[2]
	if lanes > 255 || memory < 8*lanes || memory > maxMemory || memory*iterations > maxWork {
		return nil, fmt.Errorf("%w: the parameters of Argon2id are out of range", ErrUnsupported)
	}
	salt, key, err := saltAndKey(fields[4], fields[5])
	if err != nil {
		return nil, err
	}
	return argon2id{uint32(memory), uint32(iterations), uint8(lanes), salt, key}, nil
}

// String returns the hash in the form of PHC.
func (a argon2id) String() string {
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, a.memory, a.iterations, a.lanes,
		base64PHC.EncodeToString(a.salt), base64PHC.EncodeToString(a.key))
}

func (a argon2id) derive(password []byte, length int) []byte {
	return argon2.IDKey(password, a.salt, a.iterations, a.memory, a.lanes, uint32(length))
}

func (a argon2id) matches(password []byte) bool {
	return subtle.ConstantTimeCompare(a.derive(password, len(a.key)), a.key) == 1
}

func (a argon2id) memoryKiB() int64 { return int64(a.memory) }

// weakerThan compares the costs. The number of lanes is none: it says how many threads
// share the work.
func (a argon2id) weakerThan(b argon2id) bool {
	return a.memory < b.memory || a.iterations < b.iterations || len(a.salt) < saltBytes || len(a.key) < keyBytes
}

// scryptHash is a hash of scrypt (RFC 7914).
type scryptHash struct {
	n, r, p   int
	salt, key []byte
}

func parseScrypt(stored string) (record, error) {
	fields := strings.Split(stored, "$")
	if len(fields) != 5 {
		return nil, fmt.Errorf("%w: not $scrypt$parameters$salt$hash", ErrUnsupported)
	}
	p, ok := parameters(fields[2], "ln", "r", "p")
	if !ok {
		return nil, fmt.Errorf("%w: the parameters of scrypt are not ln=…,r=…,p=…", ErrUnsupported)
	}
	const maxBlocks = maxMemory * 1024 / 128 // N·r·p
	if p[1] > 1024 || p[1]*p[2] > maxBlocks>>p[0] {
		return nil, fmt.Errorf("%w: the parameters of scrypt are out of range", ErrUnsupported)
	}
	salt, key, err := saltAndKey(fields[3], fields[4])
	if err != nil {
		return nil, err
	}
	return scryptHash{1 << p[0], int(p[1]), int(p[2]), salt, key}, nil
}

// String returns the hash in the form of PHC.
func (s scryptHash) String() string {
	return fmt.Sprintf("$scrypt$ln=%d,r=%d,p=%d$%s$%s", bits.Len(uint(s.n))-1, s.r, s.p,
		base64PHC.EncodeToString(s.salt), base64PHC.EncodeToString(s.key))
}

func (s scryptHash) matches(password []byte) bool {
	key, err := scrypt.Key(password, s.salt, s.n, s.r, s.p, len(s.key))
	return err == nil && subtle.ConstantTimeCompare(key, s.key) == 1
}

func (s scryptHash) memoryKiB() int64         { return int64(s.n+s.p+2) * int64(s.r) / 8 }
func (s scryptHash) weakerThan(argon2id) bool { return true }

// bcryptHash is a hash of bcrypt, as it is stored.
type bcryptHash string

func parseBcrypt(stored string) (record, error) {
	const alphabet = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	const length, data = len("$2b$10$") + 22 + 31, len("$2b$10$")
	if len(stored) != length || stored[data-1] != '$' || strings.Trim(stored[data:], alphabet) != "" {
		return nil, fmt.Errorf("%w: not the 60 characters of bcrypt", ErrUnsupported)
	}
	cost, err := strconv.ParseUint(stored[4:6], 10, 8)
	if err != nil || int(cost) < bcrypt.MinCost || cost > maxBcryptCost {
		return nil, fmt.Errorf("%w: the cost of bcrypt is out of range", ErrUnsupported)
	}
	return bcryptHash(stored), nil
}

// matches compares the first 72 bytes, as bcrypt does.
func (b bcryptHash) matches(password []byte) bool {
	return bcrypt.CompareHashAndPassword([]byte(b), password) == nil
}

func (b bcryptHash) memoryKiB() int64         { return 4 }
func (b bcryptHash) weakerThan(argon2id) bool { return true }

// parameters reads "a=1,b=2" with these names in this order. The numbers are decimal,
// from 1 to 1<<32 - 1, without leading zeros.
func parameters(s string, names ...string) ([]uint64, bool) {
	fields := strings.Split(s, ",")
	if len(fields) != len(names) {
		return nil, false
	}
	numbers := make([]uint64, len(names))
	for i, name := range names {
		digits, ok := strings.CutPrefix(fields[i], name+"=")
		n, err := strconv.ParseUint(digits, 10, 32)
		if !ok || err != nil || digits[0] == '0' {
			return nil, false
		}
		numbers[i] = n
	}
	return numbers, true
}

func saltAndKey(salt64, key64 string) (salt, key []byte, err error) {
	salt, saltErr := base64PHC.DecodeString(salt64)
	key, keyErr := base64PHC.DecodeString(key64)
	if saltErr != nil || keyErr != nil || strings.ContainsAny(salt64+key64, "\r\n") { // which the decoder skips
		return nil, nil, fmt.Errorf("%w: the salt or the hash is not base64 without padding", ErrUnsupported)
	}
	if len(salt) < minSalt || len(salt) > maxSalt || len(key) < minKey || len(key) > maxKey {
		return nil, nil, fmt.Errorf("%w: the salt needs %d to %d bytes, the hash %d to %d", ErrUnsupported, minSalt, maxSalt, minKey, maxKey)
	}
	return salt, key, nil
}
