package store

import (
	"encoding/binary"
	"hash/maphash"
	"iter"
	"sync"
)

// The lists that a session is in: that of its key, that of its user, and those of
// the user and of the session at the provider, if they are known. In most cases a
// list has one session.
const (
	byKey = iota
	bySubject
	byProviderSubject
	byProviderSession
	indexes
)

// sweepSteps is how many sessions a write looks at for expired ones. Expired
// sessions thus are an eighth of all at most while sessions come and go.
const sweepSteps = 8

// A shard keeps a part of the sessions of a Memory, each in a slot with a small
// number. Lists are made of those numbers and not of pointers: that halves
// their size and gives the garbage collector nothing to follow.
type shard struct {
	mu    sync.RWMutex
	seed  maphash.Seed
	used  *usage
	slots []slot // slot 0 is never used: the number 0 means none
	free  uint32 // the first of the free slots, listed by links[byKey].next
	hand  int    // where the next write looks for expired sessions
	heads [indexes]map[uint64]uint32
}

type slot struct {
	packed
	links [indexes]link
}

// A link is a session's place in a list.
type link struct{ prev, next uint32 }

func (s *shard) open(seed maphash.Seed, used *usage) {
	s.seed, s.used = seed, used
	s.slots = make([]slot, 1)
	for i := range s.heads {
		s.heads[i] = make(map[uint64]uint32)
	}
}

// find returns the session of a key.
func (s *shard) find(key Key) (packed, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	at := s.at(key)
	return s.slots[at].packed, at != 0
}

// add keeps a session for which there is room.
func (s *shard) add(p packed, now int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweep(now, sweepSteps)

	at := s.free
	if at != 0 {
		s.free = s.slots[at].links[byKey].next
	} else {
		at = uint32(len(s.slots))
		s.slots = append(s.slots, slot{})
	}
	s.slots[at] = slot{packed: p}
	for i, hash := range s.hashes(p) {
		if hash == 0 {
			continue
		}
		if head := s.heads[i][hash]; head != 0 {
			s.slots[at].links[i].next = head
			s.slots[head].links[i].prev = at
		}
		s.heads[i][hash] = at
	}
}

// replace writes a session that is there and has the version of r.
func (s *shard) replace(key Key, r *Record, now int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweep(now, sweepSteps)

	at := s.at(key)
	if at == 0 || s.slots[at].expired(now) {
		return ErrNotFound
	}
	old := s.slots[at].packed
	kept := old.record(false)
	if kept.Version != r.Version {
		return ErrConflict
	}
	kept.Version++
	kept.Claims, kept.SeenAt, kept.ExpiresAt, kept.IP, kept.UserAgent = r.Claims, r.SeenAt, r.ExpiresAt, r.IP, r.UserAgent

	// The key, the user and the provider are as before, so the lists are too.
	p := pack(key, kept)
	if growth := p.size() - old.size(); growth <= 0 {
		s.used.release(0, -growth)
	} else if !s.used.reserve(0, growth) {
		return ErrFull
	}
	s.slots[at].packed = p
	return nil
}

func (s *shard) delete(key Key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if at := s.at(key); at != 0 {
		s.remove(at)
	}
}

// at returns the slot of a key, or 0. The caller holds the lock.
func (s *shard) at(key Key) uint32 {
	at := s.heads[byKey][hashOfKey(key[:])]
	// What is compared is a hash: how long that takes says nothing about a handle.
	for at != 0 && s.slots[at].data[:len(key)] != string(key[:]) {
		at = s.slots[at].links[byKey].next
	}
	return at
}

// selected goes through the living sessions that f selects, each without its
// claims. The caller holds the lock and may remove the session that it is at.
func (s *shard) selected(f Filter, now int64) iter.Seq2[uint32, *Record] {
	var list int
	var hash uint64
	switch {
	case f.Subject != "":
		list, hash = bySubject, maphash.String(s.seed, f.Subject)
	case f.ProviderSession != "":
		list, hash = byProviderSession, s.hashAtProvider(f.Provider, f.ProviderSession)
	default:
		list, hash = byProviderSubject, s.hashAtProvider(f.Provider, f.ProviderSubject)
	}
	return func(yield func(uint32, *Record) bool) {
		for at := s.heads[list][hash]; at != 0; {
			next := s.slots[at].links[list].next
			r := s.slots[at].record(false)
			if !s.slots[at].expired(now) && f.Matches(r) && !yield(at, r) {
				return
			}
			at = next
		}
	}
}

// remove empties a slot. The caller holds the lock.
func (s *shard) remove(at uint32) {
	p := s.slots[at].packed
	for i, hash := range s.hashes(p) {
		if hash == 0 {
			continue
		}
		l := s.slots[at].links[i]
		if l.next != 0 {
			s.slots[l.next].links[i].prev = l.prev
		}
		switch {
		case l.prev != 0:
			s.slots[l.prev].links[i].next = l.next
		case l.next != 0:
			s.heads[i][hash] = l.next
		default:
			delete(s.heads[i], hash)
		}
	}
	s.slots[at] = slot{}
	s.slots[at].links[byKey].next = s.free
	s.free = at
	s.used.release(1, p.size())
}

// sweep removes the expired among the next sessions. The caller holds the lock.
func (s *shard) sweep(now int64, steps int) {
	for range min(steps, len(s.slots)) {
		s.hand++
		if s.hand >= len(s.slots) {
			s.hand = 0
		}
		if p := s.slots[s.hand].packed; p.data != "" && p.expired(now) {
			s.remove(uint32(s.hand))
		}
	}
}

func (s *shard) sweepAll(now int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweep(now, len(s.slots))
}

// hashes returns what a session is listed under; 0 means that it is not.
func (s *shard) hashes(p packed) [indexes]uint64 {
	r := p.record(false)
	return [indexes]uint64{
		byKey:             hashOfKey(p.data),
		bySubject:         maphash.String(s.seed, r.Subject),
		byProviderSubject: s.hashAtProvider(r.Provider, r.ProviderSubject),
		byProviderSession: s.hashAtProvider(r.Provider, r.ProviderSession),
	}
}

// hashOfKey takes a part of a key, which is a hash already.
func hashOfKey[T string | []byte](key T) uint64 {
	return binary.LittleEndian.Uint64([]byte(key[8:16]))
}

// hashAtProvider returns the hash of a user or a session at a provider, and 0 for
// one that is not known.
func (s *shard) hashAtProvider(provider, name string) uint64 {
	if provider == "" || name == "" {
		return 0
	}
	var h maphash.Hash
	h.SetSeed(s.seed)
	h.WriteString(provider)
	h.WriteByte(0)
	h.WriteString(name)
	return h.Sum64()
}
