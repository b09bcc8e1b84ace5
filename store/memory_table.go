package store

import (
	"container/heap"
	"sync"
)

// A table has numbers by name, which expire: the marks or the counters of a [Memory].
type table struct {
	mu       sync.RWMutex
	max      int // entries
	byName   map[Key]*entry
	expiring queue[*entry]
}

type entry struct {
	expiry
	name  Key // its SHA-256: names may be long
	value int64
}

// find returns the entry of a name, nil if there is none or it has expired. The caller
// has locked mu.
func (t *table) find(name Key, now int64) *entry {
	if e := t.byName[name]; e != nil && now < e.ends {
		return e
	}
	return nil
}

// add returns a new entry, in place of one that has expired. The caller has locked mu.
func (t *table) add(name Key, ends int64) *entry {
	if expired := t.byName[name]; expired != nil {
		t.remove(expired)
	}
	e := &entry{name: name, expiry: expiry{ends: ends}}
	t.byName[name] = e
	heap.Push(&t.expiring, e)
	return e
}

// sweep removes expired entries, and reports whether another one fits then. The caller
// has locked mu.
func (t *table) sweep(now int64) bool {
	fits := func() bool { return len(t.byName) < t.max }
	t.expiring.sweep(now, fits, t.remove)
	return fits()
}

// remove removes an entry. The caller has locked mu.
func (t *table) remove(e *entry) {
	delete(t.byName, e.name)
	heap.Remove(&t.expiring, e.index)
}

// An expiry is embedded in what expires.
type expiry struct {
	ends  int64 // in milliseconds since 1970
	index int   // in its queue
}

func (e *expiry) expires() *expiry { return e }

// A queue has what expires first at its head, see [container/heap].
type queue[T interface{ expires() *expiry }] []T

func (q queue[T]) Len() int           { return len(q) }
func (q queue[T]) Less(i, j int) bool { return q[i].expires().ends < q[j].expires().ends }
func (q queue[T]) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].expires().index, q[j].expires().index = i, j
}

func (q *queue[T]) Push(x any) {
	x.(T).expires().index = len(*q)
	*q = append(*q, x.(T))
}

func (q *queue[T]) Pop() any {
	last := len(*q) - 1
	x := (*q)[last]
	clear((*q)[last:])
	*q = (*q)[:last]
	return x
}

// A call that adds an entry removes at least sweepLimit expired ones, if there are
// so many, and at most sweepLimitFull until its own fits, under the lock.
const (
	sweepLimit     = 4
	sweepLimitFull = 250
)

// sweep calls remove, which takes an entry out of the queue, with expired ones.
func (q *queue[T]) sweep(now int64, fits func() bool, remove func(T)) {
	for n := 0; len(*q) > 0 && (*q)[0].expires().ends <= now; n++ {
		if n >= sweepLimitFull || n >= sweepLimit && fits() {
			return
		}
		remove((*q)[0])
	}
}
