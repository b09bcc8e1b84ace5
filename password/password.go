// Package password hashes passwords, verifies them, and checks those that users choose:
//
//	hasher, err := password.New(password.Options{})
//	hash, err := hasher.Hash(ctx, chosen)                     // at sign-up, after password.Check
//	ok, rehash, err := hasher.Verify(ctx, user.Hash, typed)   // in Authorize
//
// New hashes are of Argon2id (RFC 9106). Those of bcrypt and scrypt, from an older system,
// are verified too, and replaced at the next sign-in of their users: Verify returns rehash.
//
// Hashes are made a few at a time, so that many sign-ins at once take no more than a fixed
// amount of memory ([Options].Concurrent).
//
// The package has no state but that of [Hasher], and uses no network. No error and no other
// output has a password or a hash in it.
package password

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"golang.org/x/sync/semaphore"
	"golang.org/x/text/unicode/norm"
)

// MaxBytes is the length of the longest password that is hashed, in bytes of UTF-8: at
// least 256 characters. NIST SP 800-63B-4, section 3.1.1.2, asks for 64.
const MaxBytes = 1024

// The defaults are the second recommended option of RFC 9106, section 4: 64 MiB, 3 passes,
// 4 lanes, a salt of 128 and a tag of 256 bits. The minimum is that of the OWASP Password
// Storage Cheat Sheet: 19 MiB and 2 passes.
const (
	defaultMemory     = 64 * 1024 // KiB
	defaultIterations = 3
	defaultConcurrent = 4
	minMemory         = 19 * 1024 // KiB
	minIterations     = 2
	lanes             = 4
	saltBytes         = 16
	keyBytes          = 32
)

var (
	// ErrBusy is returned if the context ended before the work could begin, because as many
	// hashes as [Options].Concurrent allows were being made. It says nothing about the
	// password. The error wraps that of the context too.
	ErrBusy = errors.New("password: too many hashes are being made")

	// ErrUnsupported is returned for a stored hash that can't be verified: it is malformed,
	// of an algorithm or a form that [Hasher.Verify] does not list, or its parameters are
	// above the limits there. Its user needs a new password, by a reset.
	ErrUnsupported = errors.New("password: this stored hash can't be verified")
)

// Options are the costs of a hash. The zero value is the second recommended option of
// RFC 9106, section 4, and 4 hashes at once: 256 MiB of memory, and about 0.3 seconds of a
// processor for each hash. A small server can have the minimum of OWASP, a sixth of both:
// Options{MemoryKiB: 19 * 1024, Iterations: 2}.
type Options struct {
	_ [0]func()

	// MemoryKiB is the memory of a hash in KiB, at least 19 * 1024 and at most 1 << 20. Zero
	// means 64 * 1024.
	MemoryKiB int

	// Iterations is the number of passes over the memory, at least 2. Zero means 3.
	// MemoryKiB × Iterations is at most 4 << 20.
	Iterations int

	// Concurrent is how many hashes are made at once; further ones wait. Zero means 4. All
	// together take Concurrent × MemoryKiB. A stored hash that needs more memory than
	// MemoryKiB counts as several, and as all if it needs more than that product.
	//
	// The memory of a hash is garbage afterwards: with the default GOGC, the peak of the
	// process is about twice the product.
	Concurrent int
}

// Hasher hashes passwords and verifies them. It is made by [New], and safe for concurrent
// use; a program needs one, since the bound on memory is that of a Hasher.
type Hasher struct {
	params     argon2id // without salt and key
	concurrent int64
	running    *semaphore.Weighted
}

// New returns a Hasher. The errors, joined, are those of options outside of their range.
func New(o Options) (*Hasher, error) {
	if o.MemoryKiB == 0 {
		o.MemoryKiB = defaultMemory
	}
	if o.Iterations == 0 {
		o.Iterations = defaultIterations
	}
	if o.Concurrent == 0 {
		o.Concurrent = defaultConcurrent
	}
	var errs []error
	if o.MemoryKiB < minMemory || o.MemoryKiB > maxMemory {
		errs = append(errs, fmt.Errorf("password: MemoryKiB is %d, write a number of KiB from %d to %d", o.MemoryKiB, minMemory, maxMemory))
	}
	if o.Iterations < minIterations || o.Iterations > maxWork/max(o.MemoryKiB, minMemory) {
		errs = append(errs, fmt.Errorf("password: Iterations is %d, write at least %d, and at most %d with this memory",
			o.Iterations, minIterations, maxWork/max(o.MemoryKiB, minMemory)))
	}
	if o.Concurrent < 0 {
		errs = append(errs, fmt.Errorf("password: Concurrent is %d, write a number above 0", o.Concurrent))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return &Hasher{
		params:     argon2id{memory: uint32(o.MemoryKiB), iterations: uint32(o.Iterations), lanes: lanes},
		concurrent: int64(o.Concurrent),
		running:    semaphore.NewWeighted(int64(o.Concurrent)),
	}, nil
}

// Hash returns the hash of a password for the database, with a salt of its own: a string of
// less than 128 ASCII characters in the form of PHC,
// "$argon2id$v=19$m=65536,t=3,p=4$salt$hash". The password is normalized before (NFC, as
// NIST SP 800-63B-4, section 3.1.1.2, recommends), so that it is the same on all keyboards.
//
// Hash does not judge the password, [Check] does. A password that is empty or longer than
// [MaxBytes] is refused with a [*PolicyError]. If the context ends while Hash waits, the
// error wraps [ErrBusy]; work that has begun is finished.
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	if password == "" {
		return "", &PolicyError{Reason: TooShort, Limit: 1}
	}
	if len(password) > MaxBytes {
		return "", &PolicyError{Reason: TooLong, Limit: MaxBytes}
	}
	done, err := h.begin(ctx, 1)
	if err != nil {
		return "", err
	}
	defer done()
	a := h.params
	a.salt = make([]byte, saltBytes)
	rand.Read(a.salt) // never fails
	a.key = a.derive([]byte(norm.NFC.String(password)), keyBytes)
	return a.String(), nil
}

// Verify reports whether password is the one of a stored hash, in constant time. If it is,
// rehash reports that the hash is of an older algorithm or of lower costs than those of the
// Hasher: replace it by that of [Hasher.Hash], now that the password is known.
//
// An empty hash stands for a user that does not exist, or has no password: Verify then
// takes the time of a hash of this Hasher, and returns false. While there are hashes of an
// older system, the time may tell their users from others.
//
// These hashes are read:
//
//   - Argon2id, version 19, in the form of PHC, with the parameters m, t and p, as of PHP,
//     argon2-cffi and node-argon2: at most 1 GiB, and memory times passes at most 4 GiB;
//   - bcrypt: $2a$, $2b$ and $2y$, with a cost of at most 16;
//   - scrypt in the form of PHC, "$scrypt$ln=16,r=8,p=1$salt$hash", as of passlib: 128·N·r·p
//     is at most 1 GiB. A hash in another form (Werkzeug, Node) can be written as this one,
//     with its salt and hash in base64 without padding.
//
// Any other is an error that wraps [ErrUnsupported], as is one with a salt of less than 8
// bytes or a key of less than 16. An error never means that the password is wrong. If the
// context ends while Verify waits, the error wraps [ErrBusy]; work that has begun is
// finished.
//
// A password that is empty or longer than [MaxBytes] is wrong, without any work. bcrypt
// compares the first 72 bytes. A password that is not in the normal form NFC is tried as
// typed too, for hashes of systems that do not normalize.
func (h *Hasher) Verify(ctx context.Context, hash, password string) (ok, rehash bool, err error) {
	if password == "" || len(password) > MaxBytes {
		return false, false, nil
	}
	var r record = h.unknown()
	if hash != "" {
		if r, err = parse(hash); err != nil {
			return false, false, err
		}
	}
	done, err := h.begin(ctx, h.units(r))
	if err != nil {
		return false, false, err
	}
	defer done()
	normal := norm.NFC.String(password)
	matched := r.matches([]byte(normal))
	if !matched && normal != password {
		matched = r.matches([]byte(password))
		rehash = matched
	}
	if !matched || hash == "" {
		return false, false, nil
	}
	return true, rehash || r.weakerThan(h.params), nil
}

// unknown returns a record of the same cost as a hash of h. Its key is that of no known
// password.
func (h *Hasher) unknown() argon2id {
	a := h.params
	a.salt, a.key = make([]byte, saltBytes), make([]byte, keyBytes)
	return a
}

// units returns how many of the hashes that may be made at once r counts as.
func (h *Hasher) units(r record) int64 {
	memory := int64(h.params.memory)
	return min(max(1, (r.memoryKiB()+memory-1)/memory), h.concurrent)
}

// begin waits until a hash of so many units may be made. The caller must call done.
func (h *Hasher) begin(ctx context.Context, units int64) (done func(), err error) {
	if err := h.running.Acquire(ctx, units); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBusy, err)
	}
	return func() { h.running.Release(units) }, nil
}
