package store_test

import (
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/nuxtauth/nuxtauth/store"
)

func account(i int) *store.Account {
	return &store.Account{AccountKey: store.AccountKey{Provider: "github", ProviderAccountID: fmt.Sprint(i)}}
}

func TestMemory_MaxUsers(t *testing.T) {
	m := store.NewMemory(store.MemoryOptions{MaxUsers: 3})
	users := make([]*store.User, 3)
	for i := range users {
		users[i] = &store.User{Email: fmt.Sprintf("%d@example.com", i)}
		if err := m.CreateUser(t.Context(), users[i], account(i)); err != nil {
			t.Fatal(err)
		}
	}
	more := &store.User{Email: "more@example.com"}
	if err := m.CreateUser(t.Context(), more, account(3)); !errors.Is(err, store.ErrFull) || more.ID != "" {
		t.Errorf("CreateUser = %v and leaves ID %q, want %q", err, more.ID, store.ErrFull)
	}
	if err := m.CreateUser(t.Context(), &store.User{}, account(1)); !errors.Is(err, store.ErrAccountTaken) {
		t.Errorf("CreateUser in a full store = %v, want %q", err, store.ErrAccountTaken)
	}
	if n := m.UserEntries(); n != [3]int{3, 3, 3} {
		t.Errorf("there are %d users, addresses and accounts, want 3", n)
	}
	if err := m.DeleteUser(t.Context(), users[1].ID); err != nil {
		t.Fatal(err)
	}
	if err := m.CreateUser(t.Context(), more, account(3)); err != nil {
		t.Error(err)
	}
}

func TestMemory_MaxAccountsOfAUser(t *testing.T) {
	m := store.NewMemory(store.MemoryOptions{})
	u := &store.User{}
	if err := m.CreateUser(t.Context(), u, account(0)); err != nil {
		t.Fatal(err)
	}
	link := func(i int) error {
		a := account(i)
		a.UserID = u.ID
		return m.LinkAccount(t.Context(), a)
	}
	for i := 1; i < 100; i++ {
		if err := link(i); err != nil {
			t.Fatal(err)
		}
	}
	if err := link(100); !errors.Is(err, store.ErrFull) {
		t.Errorf("LinkAccount = %v, want %q", err, store.ErrFull)
	}
	if _, err := m.UnlinkAccount(t.Context(), u.ID, account(50).AccountKey, func(*store.User, []*store.Account) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if err := link(100); err != nil {
		t.Error(err)
	}
	if list, err := m.ListAccounts(t.Context(), u.ID); err != nil || len(list) != 100 {
		t.Errorf("ListAccounts = %d accounts, %v, want 100", len(list), err)
	}
}

// Whatever removes users and accounts, nothing of them stays in memory.
func TestMemory_LeavesNoUsers(t *testing.T) {
	m := store.NewMemory(store.MemoryOptions{})
	for i := range 50 {
		u, second := &store.User{Email: fmt.Sprintf("%d@example.com", i)}, account(1000+i)
		err := m.CreateUser(t.Context(), u, account(i))
		second.UserID = u.ID
		err = errors.Join(err, m.LinkAccount(t.Context(), second))
		switch i % 4 {
		case 0:
			_, _, failed := m.VerifyEmail(t.Context(), u.ID, u.Email, time.Now(), second.AccountKey)
			err = errors.Join(err, failed)
		case 1:
			_, failed := m.UnlinkAccount(t.Context(), u.ID, second.AccountKey, func(*store.User, []*store.Account) error { return nil })
			err = errors.Join(err, failed)
		case 2:
			_, failed := m.UpdateUser(t.Context(), u.ID, func(u *store.User) error {
				u.Email = ""
				return nil
			})
			err = errors.Join(err, failed)
		}
		if err = errors.Join(err, m.DeleteUser(t.Context(), u.ID)); err != nil {
			t.Fatal(err)
		}
	}
	if n := m.UserEntries(); n != [3]int{} {
		t.Errorf("%d users, addresses and accounts are left", n)
	}
}

// A change of any field while a function runs makes it run again.
func TestMemory_FunctionsSeeEachChange(t *testing.T) {
	for f := range reflect.TypeFor[store.User]().Fields() {
		if f.Name == "_" || f.Name == "ID" || f.Name == "CreatedAt" {
			continue
		}
		m := store.NewMemory(store.MemoryOptions{})
		u := &store.User{Name: "Ada"}
		a := account(0)
		if err := m.CreateUser(t.Context(), u, a); err != nil {
			t.Fatal(err)
		}
		var value any
		set := func() {
			if _, err := m.UpdateUser(t.Context(), u.ID, func(u *store.User) error {
				switch v := reflect.ValueOf(u).Elem().FieldByName(f.Name).Addr().Interface().(type) {
				case *string:
					*v += "changed"
				case *bool:
					*v = !*v
				case *time.Time:
					*v = v.AddDate(2000, 0, 0)
				case *jsontext.Value:
					*v = jsontext.Value(`{"of":` + fmt.Sprint(len(*v)) + `}`)
				default:
					t.Fatalf("there is no value for %s", f.Name)
				}
				value = reflect.ValueOf(u).Elem().FieldByName(f.Name).Interface()
				return nil
			}); err != nil {
				t.Fatal(err)
			}
		}
		calls := 0
		got, err := m.UpdateUser(t.Context(), u.ID, func(*store.User) error {
			if calls++; calls == 1 {
				set()
			}
			return nil
		})
		if err != nil || calls != 2 || !reflect.DeepEqual(reflect.ValueOf(got).Elem().FieldByName(f.Name).Interface(), value) {
			t.Errorf("UpdateUser called its function %d times and has %v, %v after another change of %s to %v", calls, got, err, f.Name, value)
		}
		calls = 0
		if _, err := m.UnlinkAccount(t.Context(), u.ID, a.AccountKey, func(*store.User, []*store.Account) error {
			if calls++; calls == 1 {
				set()
			}
			return nil
		}); err != nil || calls != 2 {
			t.Errorf("UnlinkAccount called its function %d times after a change of %s: %v", calls, f.Name, err)
		}
	}
}

// What ends while a function runs is not changed.
func TestMemory_FunctionsOfUsersWhoAreGone(t *testing.T) {
	m := store.NewMemory(store.MemoryOptions{})
	create := func() (*store.User, store.AccountKey) {
		u, a := &store.User{}, account(0)
		if err := m.CreateUser(t.Context(), u, a); err != nil {
			t.Fatal(err)
		}
		return u, a.AccountKey
	}
	u, key := create()
	if _, err := m.UpdateUser(t.Context(), u.ID, func(u *store.User) error { return m.DeleteUser(t.Context(), u.ID) }); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("UpdateUser of a user who was deleted meanwhile: %v, want %q", err, store.ErrNotFound)
	}
	u, _ = create()
	if _, err := m.UnlinkAccount(t.Context(), u.ID, key, func(u *store.User, _ []*store.Account) error {
		return m.DeleteUser(t.Context(), u.ID)
	}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("UnlinkAccount of a user who was deleted meanwhile: %v, want %q", err, store.ErrNotFound)
	}
	u, _ = create()
	if _, err := m.UnlinkAccount(t.Context(), u.ID, key, func(u *store.User, _ []*store.Account) error {
		_, err := m.UnlinkAccount(t.Context(), u.ID, key, func(*store.User, []*store.Account) error { return nil })
		return err
	}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("UnlinkAccount of an account that was removed meanwhile: %v, want %q", err, store.ErrNotFound)
	}
}
