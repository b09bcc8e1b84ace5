package password_test

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nuxtauth/nuxtauth/password"
)

// typed is the password of most vectors: with letters that have two forms in Unicode, and
// one outside of the basic plane.
const (
	typed    = "Größe 𝄞 correct horse"
	typedNFD = "Gro\u0308ße 𝄞 correct horse"
)

func newHasher(t testing.TB) *password.Hasher {
	t.Helper()
	h, err := password.New(password.Options{MemoryKiB: 19 * 1024, Iterations: 2})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestNew_OptionsHaveARange(t *testing.T) {
	for _, tt := range []struct {
		name string
		o    password.Options
		want string // of the error
	}{
		{"defaults", password.Options{}, ""},
		{"minimum", password.Options{MemoryKiB: 19456, Iterations: 2, Concurrent: 1}, ""},
		{"maximum", password.Options{MemoryKiB: 1 << 20, Iterations: 4}, ""},
		{"in MiB", password.Options{MemoryKiB: 64}, "MemoryKiB is 64"},
		{"in bytes", password.Options{MemoryKiB: 64 << 20}, "MemoryKiB is"},
		{"negative memory", password.Options{MemoryKiB: -1}, "MemoryKiB is -1"},
		{"one pass", password.Options{Iterations: 1}, "Iterations is 1"},
		{"too many passes", password.Options{Iterations: 65}, "at most 64"},
		{"too many passes over much memory", password.Options{MemoryKiB: 1 << 20, Iterations: 5}, "at most 4"},
		{"negative bound", password.Options{Concurrent: -1}, "Concurrent is -1"},
		{"all are reported", password.Options{MemoryKiB: 1, Iterations: 1}, "MemoryKiB is 1, write a number of KiB from 19456 to 1048576\npassword: Iterations is 1"},
	} {
		h, err := password.New(tt.o)
		if tt.want == "" && (h == nil || err != nil) || tt.want != "" && (h != nil || err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: %v, %v, want %q", tt.name, h, err, tt.want)
		}
	}
}

func TestHash_IsArgon2idInPHC(t *testing.T) {
	h, err := password.New(password.Options{})
	if err != nil {
		t.Fatal(err)
	}
	hash, err := h.Hash(t.Context(), typed)
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`^\$argon2id\$v=19\$m=65536,t=3,p=4\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$`).MatchString(hash) {
		t.Errorf("hash %s", hash)
	}
	if written, _, err := password.Parse(hash); written != hash || err != nil {
		t.Errorf("%s is parsed as %s, %v", hash, written, err)
	}
	if ok, rehash, err := h.Verify(t.Context(), hash, typed); !ok || rehash || err != nil {
		t.Errorf("verified: %t, rehash %t, %v", ok, rehash, err)
	}
}

func TestHash_HasASaltOfItsOwn(t *testing.T) {
	h := newHasher(t)
	one, err := h.Hash(t.Context(), typed)
	two, err2 := h.Hash(t.Context(), typed)
	if one == two || err != nil || err2 != nil {
		t.Errorf("%s, %s: %v, %v", one, two, err, err2)
	}
}

// The same text is the same password, also if a keyboard makes it of other code points.
func TestHash_IsOfTheNormalForm(t *testing.T) {
	h := newHasher(t)
	for _, tt := range []struct{ chosen, typed string }{{typed, typedNFD}, {typedNFD, typed}, {typedNFD, typedNFD}} {
		hash, err := h.Hash(t.Context(), tt.chosen)
		if err != nil {
			t.Fatal(err)
		}
		if ok, rehash, err := h.Verify(t.Context(), hash, tt.typed); !ok || rehash || err != nil {
			t.Errorf("%+q of %+q: %t, rehash %t, %v", tt.typed, tt.chosen, ok, rehash, err)
		}
	}
	hash, err := h.Hash(t.Context(), "fine weather today")
	if err != nil {
		t.Fatal(err)
	}
	if ok, _, _ := h.Verify(t.Context(), hash, "ﬁne weather today"); ok { // equal in NFKC alone
		t.Error("a ligature is as good as its letters")
	}
}

func TestHash_RefusesLengths(t *testing.T) {
	h := newHasher(t)
	longest := strings.Repeat("é", password.MaxBytes/2)
	for _, tt := range []struct {
		name, password string
		want           password.Reason
		limit          int
	}{
		{"empty", "", password.TooShort, 1},
		{"1 MB", strings.Repeat("x", 1<<20), password.TooLong, 1024},
		{"a byte too long", longest + "x", password.TooLong, 1024},
	} {
		_, err := h.Hash(t.Context(), tt.password)
		if p, ok := errors.AsType[*password.PolicyError](err); !ok || p.Reason != tt.want || p.Limit != tt.limit {
			t.Errorf("%s: error %v", tt.name, err)
		}
	}
	hash, err := h.Hash(t.Context(), longest)
	if err != nil {
		t.Fatal(err)
	}
	if ok, _, err := h.Verify(t.Context(), hash, longest); !ok || err != nil {
		t.Errorf("the longest: %t, %v", ok, err)
	}
	if ok, _, _ := h.Verify(t.Context(), hash, longest[:len(longest)-2]); ok {
		t.Error("the longest without its last character is right too")
	}
}

// Neither is hashed, whatever is stored: the hasher has no hash to spare.
func TestVerify_LengthsAreWrongWithoutWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHasher(t)
		defer h.Occupy(4)()
		for _, p := range []string{"", strings.Repeat("x", 1025)} {
			if ok, rehash, err := h.Verify(t.Context(), "", p); ok || rehash || err != nil {
				t.Errorf("%d bytes: %t, %t, %v", len(p), ok, rehash, err)
			}
		}
	})
}

func TestVerify_WrongPassword(t *testing.T) {
	h := newHasher(t)
	hash, err := h.Hash(t.Context(), typed)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{"x", typed + " ", strings.ToLower(typed), typed + "\x00", hash} {
		if ok, rehash, err := h.Verify(t.Context(), hash, p); ok || rehash || err != nil {
			t.Errorf("%q: %t, rehash %t, %v", p, ok, rehash, err)
		}
	}
}

// An unknown user takes what a user takes: memory, and a hash of those at once.
func TestVerify_UnknownUserTakesTheSameWork(t *testing.T) {
	h := newHasher(t)
	hash, err := h.Hash(t.Context(), typed)
	if err != nil {
		t.Fatal(err)
	}
	known := allocated(func() { h.Verify(t.Context(), hash, "wrong") })
	unknown := allocated(func() {
		if ok, rehash, err := h.Verify(t.Context(), "", "wrong"); ok || rehash || err != nil {
			t.Errorf("unknown user: %t, %t, %v", ok, rehash, err)
		}
	})
	if difference := max(known, unknown) - min(known, unknown); unknown < 19<<20 || unknown > 20<<20 || difference > 100<<10 {
		t.Errorf("a user takes %d bytes, an unknown one %d", known, unknown)
	}
	synctest.Test(t, func(t *testing.T) {
		h := newHasher(t)
		defer h.Occupy(4)()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, _, err := h.Verify(ctx, "", "wrong"); !errors.Is(err, password.ErrBusy) {
			t.Errorf("all hashes are being made: error %v", err)
		}
	})
}

// allocated returns how many bytes do allocates.
func allocated(do func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	do()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func TestVerify_RehashesWeakerParameters(t *testing.T) {
	weak := newHasher(t)
	hash, err := weak.Hash(t.Context(), typed)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		memory, iterations int
		want               bool
	}{
		{19 * 1024, 2, false},
		{19*1024 + 1, 2, true},
		{19 * 1024, 3, true},
	} {
		h, err := password.New(password.Options{MemoryKiB: tt.memory, Iterations: tt.iterations})
		if err != nil {
			t.Fatal(err)
		}
		if ok, rehash, err := h.Verify(t.Context(), hash, typed); !ok || rehash != tt.want || err != nil {
			t.Errorf("%d KiB, %d passes: %t, rehash %t, %v", tt.memory, tt.iterations, ok, rehash, err)
		}
		if ok, rehash, _ := h.Verify(t.Context(), hash, "wrong"); ok || rehash {
			t.Errorf("%d KiB, %d passes, wrong: %t, rehash %t", tt.memory, tt.iterations, ok, rehash)
		}
	}
	strong, err := password.New(password.Options{MemoryKiB: 20 * 1024, Iterations: 3})
	if err != nil {
		t.Fatal(err)
	}
	if hash, err = strong.Hash(t.Context(), typed); err != nil {
		t.Fatal(err)
	}
	if ok, rehash, err := weak.Verify(t.Context(), hash, typed); !ok || rehash || err != nil {
		t.Errorf("higher costs are kept: %t, rehash %t, %v", ok, rehash, err)
	}
}

func TestHasher_WaitsForTheContext(t *testing.T) {
	h := newHasher(t)
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h.Hash(cancelled, typed); !errors.Is(err, password.ErrBusy) || !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled before: %v", err)
	}
	const bcrypt = "$2b$04$abcdefghijklmnopqrstuu1Gui2wCVg/URZxjGGkV2krXOqTpNU/i"
	gib := "$argon2id$v=19$m=1048576,t=4,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	ok := "$argon2id$v=19$m=19457,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	for _, tt := range []struct {
		name     string
		occupied int64
		hash     string
	}{
		{"bcrypt", 4, bcrypt},
		{"two hashes' memory", 3, ok},
		{"much memory", 1, gib},
		{"scrypt of no memory", 4, "$scrypt$ln=1,r=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"},
		{"scrypt with a KiB more than a hash", 3, "$scrypt$ln=1,r=8,p=19453$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"},
		{"scrypt of 64 MiB", 1, "$scrypt$ln=16,r=8,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"},
	} {
		synctest.Test(t, func(t *testing.T) {
			h := newHasher(t)
			defer h.Occupy(tt.occupied)()
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			matched, rehash, err := h.Verify(ctx, tt.hash, typed)
			if matched || rehash || !errors.Is(err, password.ErrBusy) || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s: %t, %t, %v", tt.name, matched, rehash, err)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) { // each of these counts as one
		h := newHasher(t)
		done := h.Occupy(3)
		hash, err := h.Hash(t.Context(), typed)
		if err != nil {
			t.Error(err)
		}
		scrypt := "$scrypt$ln=1,r=8,p=19452$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc" // the memory of a hash
		for _, stored := range []string{hash, bcrypt, scrypt, ""} {
			if _, _, err := h.Verify(t.Context(), stored, typed); err != nil {
				t.Errorf("%q beside three: %v", stored, err)
			}
		}
		done()
		defer h.Occupy(4)()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := h.Hash(ctx, typed); !errors.Is(err, password.ErrBusy) {
			t.Errorf("a fifth hash: %v", err)
		}
	})
	synctest.Test(t, func(t *testing.T) { // the next one begins when one ends
		h := newHasher(t)
		done := h.Occupy(4)
		time.AfterFunc(time.Second, done)
		if ok, _, err := h.Verify(t.Context(), bcrypt, typed); !ok || err != nil {
			t.Errorf("after the wait: %t, %v", ok, err)
		}
	})
}

// A hash that ends gives back what it took, whatever its result.
func TestHasher_IsFreeAfterUse(t *testing.T) {
	h, err := password.New(password.Options{MemoryKiB: 19 * 1024, Iterations: 2, Concurrent: 2})
	if err != nil {
		t.Fatal(err)
	}
	hash, err := h.Hash(t.Context(), typed)
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			stored := []string{hash, "", "$argon2id$v=19$m=39000,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc", "x"}[i%4]
			if ok, _, err := h.Verify(t.Context(), stored, typed); ok != (i%4 == 0) || (err != nil) != (i%4 == 3) {
				t.Errorf("%s: %t, %v", stored, ok, err)
			}
		})
	}
	all.Wait()
	h.Occupy(2)()
}

func BenchmarkHash(b *testing.B) {
	for _, o := range []password.Options{{}, {MemoryKiB: 19 * 1024, Iterations: 2}} {
		h, err := password.New(o)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprintf("%dKiB/%d", o.MemoryKiB, o.Iterations), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := h.Hash(b.Context(), typed); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
