package storetest_test

import (
	"sync"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth/store"
	"github.com/nuxtauth/nuxtauth/store/storetest"
)

// open opens the store under test, here that in memory.
func open(*testing.T) *store.Memory { return store.NewMemory(store.MemoryOptions{}) }

func ExampleRun() {
	_ = func(t *testing.T) { // in your tests: func TestStore(t *testing.T)
		storetest.Run(t, func(t *testing.T) store.Sessions { return open(t) })
	}
}

// With a clock that the suite moves, tests of expiry need not wait.
func ExampleRun_clock() {
	_ = func(t *testing.T) { // in your tests: func TestStore_Clock(t *testing.T)
		var mu sync.Mutex
		now := time.Now()
		clock := func() time.Time {
			mu.Lock()
			defer mu.Unlock()
			return now
		}
		advance := func(d time.Duration) {
			mu.Lock()
			defer mu.Unlock()
			now = now.Add(d)
		}
		storetest.Run(t, func(*testing.T) store.Sessions {
			return store.NewMemory(store.MemoryOptions{Now: clock})
		}, storetest.Advance(advance))
	}
}

func ExampleRunIndex() {
	_ = func(t *testing.T) { // in your tests: func TestStore_Index(t *testing.T)
		storetest.RunIndex(t, func(t *testing.T) store.Sessions { return open(t) })
	}
}

func ExampleRunMarks() {
	_ = func(t *testing.T) { // in your tests: func TestStore_Marks(t *testing.T)
		storetest.RunMarks(t, func(t *testing.T) store.Marks { return open(t) })
	}
}

func ExampleRunLocker() {
	_ = func(t *testing.T) { // in your tests: func TestStore_Locker(t *testing.T)
		storetest.RunLocker(t, func(t *testing.T) store.Locker { return open(t) })
	}
}

func ExampleRunCounter() {
	_ = func(t *testing.T) { // in your tests: func TestStore_Counter(t *testing.T)
		storetest.RunCounter(t, func(t *testing.T) store.Counter { return open(t) })
	}
}

func ExampleRunAccounts() {
	_ = func(t *testing.T) { // in your tests: func TestStore_Accounts(t *testing.T)
		storetest.RunAccounts(t, func(t *testing.T) store.Accounts { return open(t) })
	}
}

func ExampleRunLinks() {
	_ = func(t *testing.T) { // in your tests: func TestStore_Links(t *testing.T)
		storetest.RunLinks(t, func(t *testing.T) store.Links { return open(t) })
	}
}
