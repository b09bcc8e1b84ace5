package conformance_test

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nuxtauth/nuxtauth/store"
)

// goldenUsers are the users of one scenario, with the IDs of a sequence as in the
// recordings, and with faults.
type goldenUsers struct {
	*store.Memory
	users int
	ids   string // what IDs begin with
	fault string // the method of an adapter of Auth.js that fails
}

var errDatabase = errors.New("database is down")

func (g *goldenUsers) fails(methods ...string) error {
	if slices.Contains(methods, g.fault) {
		return errDatabase
	}
	return nil
}

func (g *goldenUsers) CreateUser(ctx context.Context, u *store.User, a *store.Account) error {
	if err := g.fails("createUser", "linkAccount"); err != nil {
		return err
	}
	u.ID = g.ids + strconv.Itoa(g.users+1)
	err := g.Memory.CreateUser(ctx, u, a)
	if err == nil {
		g.users++
	}
	return err
}

func (g *goldenUsers) FindUser(ctx context.Context, id string) (*store.User, error) {
	if err := g.fails("getUser"); err != nil {
		return nil, err
	}
	return g.Memory.FindUser(ctx, id)
}

func (g *goldenUsers) FindUserByEmail(ctx context.Context, email string) (*store.User, error) {
	if err := g.fails("getUserByEmail"); err != nil {
		return nil, err
	}
	return g.Memory.FindUserByEmail(ctx, email)
}

func (g *goldenUsers) FindUserByAccount(ctx context.Context, key store.AccountKey) (*store.User, error) {
	if err := g.fails("getUserByAccount"); err != nil {
		return nil, err
	}
	return g.Memory.FindUserByAccount(ctx, key)
}

func (g *goldenUsers) VerifyEmail(ctx context.Context, id, email string, at time.Time, keep store.AccountKey) (*store.User, []*store.Account, error) {
	if err := g.fails("updateUser"); err != nil {
		return nil, nil, err
	}
	return g.Memory.VerifyEmail(ctx, id, email, at, keep)
}

func (g *goldenUsers) LinkAccount(ctx context.Context, a *store.Account) error {
	if err := g.fails("linkAccount"); err != nil {
		return err
	}
	return g.Memory.LinkAccount(ctx, a)
}

func (g *goldenUsers) SaveLink(ctx context.Context, l *store.Link) error {
	if err := g.fails("createVerificationToken"); err != nil {
		return err
	}
	return g.Memory.SaveLink(ctx, l)
}

func (g *goldenUsers) TakeLink(ctx context.Context, key store.LinkKey) (*store.Link, error) {
	if err := g.fails("useVerificationToken"); err != nil {
		return nil, err
	}
	return g.Memory.TakeLink(ctx, key)
}

// Count counts no mails: the recorded browsers ask for more than the limits of this
// library allow, which have tests of their own (ML-08).
func (g *goldenUsers) Count(ctx context.Context, name string, n int, window time.Duration) (int, error) {
	if strings.Contains(name, ":mail:") {
		return n, nil
	}
	return g.Memory.Count(ctx, name, n, window)
}

func (g *goldenUsers) CreateSession(ctx context.Context, r *store.Record) (string, error) {
	if err := g.fails("createSession"); err != nil {
		return "", err
	}
	return g.Memory.CreateSession(ctx, r)
}

func (g *goldenUsers) FindSession(ctx context.Context, handle string) (*store.Record, error) {
	if err := g.fails("getSessionAndUser"); err != nil {
		return nil, err
	}
	return g.Memory.FindSession(ctx, handle)
}

func (g *goldenUsers) ReplaceSession(ctx context.Context, handle string, r *store.Record) (string, error) {
	if err := g.fails("updateSession"); err != nil {
		return "", err
	}
	return g.Memory.ReplaceSession(ctx, handle, r)
}

func (g *goldenUsers) DeleteSession(ctx context.Context, handle string) error {
	if err := g.fails("deleteSession"); err != nil {
		return err
	}
	return g.Memory.DeleteSession(ctx, handle)
}
