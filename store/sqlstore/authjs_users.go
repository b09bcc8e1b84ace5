package sqlstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/nuxtauth/nuxtauth/store"
)

// A user of Auth.js is a row in its table of users. What that has no columns for is in the
// row of nuxtauth_users with the same ID, without name, address and picture. A user whom
// Node has made has none until the first update.

func (a *authjs) user(name string) *column { return a.users.columns[name] }

// selectUsers reads users with an alias: statements go on with WHERE.
func (a *authjs) selectUsers() string {
	u := &a.layout.Users
	id := a.asText(a.user(u.ID).quoted)
	join := id + ` COLLATE "C"`
	if a.dialect == MySQL {
		join = "CAST(" + id + " AS BINARY)"
	}
	return `SELECT ` + strings.Join([]string{
		a.text(a.user(u.ID), "user_id"), a.text(a.user(u.Name), "user_name"), a.text(a.user(u.Email), "user_email"),
		a.text(a.user(u.Image), "user_image"), a.millis(a.user(u.EmailVerified), "user_verified"), a.millis(a.user(u.CreatedAt), "user_created"),
		"n.nuxtauth_id IS NOT NULL AS own", "coalesce(n.password_hash, '') AS own_hash", "coalesce(n.disabled, false) AS own_disabled",
		"coalesce(n.first_sign_in, 0) AS own_first", "coalesce(n.extra, '') AS own_extra", "coalesce(n.nuxtauth_created, 0) AS own_created",
	}, ", ") + ` FROM ` + a.users.name + ` LEFT JOIN (
		SELECT id AS nuxtauth_id, password_hash, disabled, first_sign_in, extra, created_at AS nuxtauth_created FROM nuxtauth_users
	) AS n ON n.nuxtauth_id = ` + join + ` WHERE `
}

// scanUser reads a row of selectUsers, within the limits of [store.User].
func (a *authjs) scanUser(row scanner) (*store.User, error) {
	u := new(store.User)
	var verified, first, created, ownCreated int64
	var own bool
	var extra string
	err := row.Scan(&u.ID, &u.Name, &u.Email, &u.Image, &verified, &created, &own, &u.PasswordHash, &u.Disabled, &first, &extra, &ownCreated)
	if err != nil {
		return nil, err
	}
	u.Email = strings.ToLower(u.Email)
	for len(u.Name) > store.MaxUserText {
		u.Name = withoutLast(u.Name)
	}
	if (&store.User{Email: u.Email}).Check() != nil {
		u.Email = ""
	}
	if (&store.User{Image: u.Image}).Check() != nil {
		u.Image = ""
	}
	u.EmailVerified, u.CreatedAt = timeOf(verified), timeOf(cmp.Or(ownCreated, created))
	u.FirstSignIn = timeOf(first)
	if !own { // Node knows the user
		u.FirstSignIn = timeOf(cmp.Or(created, verified, 1))
		if a.layout.Users.DangerouslyTrustEmails && verified == 0 && u.Email != "" {
			u.EmailVerified = u.FirstSignIn
		}
	}
	if extra != "" {
		u.Extra = jsontext.Value(extra)
	}
	return u, nil
}

func (a *authjs) findUsers(ctx context.Context, r runner, where string, args ...any) ([]*store.User, error) {
	return queryAll(ctx, r, a.scanUser, a.selectUsers()+where, args...)
}

// findByID returns the user with an ID, or ErrNotFound.
func (a *authjs) findByID(ctx context.Context, r runner, id string) (*store.User, error) {
	key := a.user(a.layout.Users.ID)
	arg, ok := key.idOf(id)
	if !ok {
		return nil, store.ErrNotFound
	}
	users, err := a.findUsers(ctx, r, a.is(key, 1), arg)
	if err != nil {
		return nil, err
	}
	return theOne(users, func(u *store.User) bool { return u.ID == id })
}

// theOne returns the only user, who must be the one, or ErrNotFound.
func theOne(users []*store.User, is func(*store.User) bool) (*store.User, error) {
	if len(users) == 0 {
		return nil, store.ErrNotFound
	}
	if len(users) != 1 || !is(users[0]) {
		return nil, errors.New("the database answered with another user")
	}
	return users[0], nil
}

// findByEmail returns the user with an address, however the row has it in upper and lower
// case, or ErrNotFound.
func (a *authjs) findByEmail(ctx context.Context, r runner, email string) (*store.User, error) {
	if !storable(email) || email != strings.ToLower(email) {
		return nil, store.ErrNotFound
	}
	users, err := a.findUsers(ctx, r, a.hasEmail(1), email)
	if err != nil {
		return nil, err
	}
	users = slices.DeleteFunc(users, func(u *store.User) bool { return u.Email != email }) // of a collation
	if len(users) > 1 {
		ids := make([]string, len(users))
		for i, u := range users {
			ids[i] = u.ID
		}
		slices.Sort(ids)
		return nil, fmt.Errorf("%w: those with the IDs %q", store.ErrAmbiguousEmail, ids)
	}
	return theOne(users, func(*store.User) bool { return true })
}

// lockUser returns a user who does not change until the transaction ends. What another
// transaction has written meanwhile is seen by a second statement alone.
func (a *authjs) lockUser(ctx context.Context, t *transaction, id string) (*store.User, error) {
	key := a.user(a.layout.Users.ID)
	arg, ok := key.idOf(id)
	if !ok {
		return nil, store.ErrNotFound
	}
	rows, err := queryAll(ctx, t, scan[int64], `SELECT 1 AS found_user FROM `+a.users.name+` WHERE `+a.is(key, 1)+forUpdate, arg)
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return nil, store.ErrNotFound
	}
	return a.findByID(ctx, t, id)
}

// createUser is [Store.CreateUser].
func (a *authjs) createUser(ctx context.Context, s *Store, u *store.User, acc *store.Account) error {
	if err := a.checkUser(u); err != nil {
		return failed("create a user", err)
	}
	if acc != nil {
		if err := a.checkAccount(acc); err != nil {
			return failed("create a user", err)
		}
	}
	id, err := a.newID(a.user(a.layout.Users.ID), u.ID)
	if err != nil {
		return failed("create a user", err)
	}
	now := timeOf(s.millis())
	row := u.Clone()
	row.ID, row.CreatedAt = id, now
	err = s.transact(ctx, func(ctx context.Context, t *transaction) error {
		if t.unsure {
			before, err := a.findByID(ctx, t, row.ID)
			if err == nil && before.CreatedAt.Equal(now) {
				return nil
			}
			if err != nil && !errors.Is(err, store.ErrNotFound) {
				return err
			}
		}
		row.ID = id
		taken, err := a.emailTaken(ctx, t, row)
		if err != nil {
			return err
		}
		made := ""
		if !taken {
			if made, err = a.insertUser(ctx, t, row); err != nil {
				return err
			}
		}
		if made == "" {
			return a.whyNotCreated(ctx, t, row, acc, taken)
		}
		row.ID = made
		if err := a.saveOwn(ctx, t, row); err != nil || acc == nil {
			return err
		}
		linked, err := a.insertAccount(ctx, t, row.ID, acc, now)
		if err == nil && !linked {
			err = store.ErrAccountTaken
		}
		return err
	})
	if err != nil {
		return answer("create a user", err)
	}
	u.ID, u.CreatedAt = row.ID, now
	if acc != nil {
		acc.UserID, acc.CreatedAt = row.ID, a.linkedAt(now)
	}
	return nil
}

// newID returns the ID of a new row, "" for one that the database makes.
func (a *authjs) newID(c *column, given string) (string, error) {
	switch {
	case c.kind == integerKind && given == "":
		return "", nil
	case c.kind == integerKind:
		return "", fmt.Errorf("the user has the ID %q, and IDs are made by the database", given)
	case given == "":
		return newUUID(), nil
	}
	if _, ok := c.idOf(given); !ok {
		return "", fmt.Errorf("the ID %q can't be stored in the column %s of %s", given, c.quoted, a.users.name)
	}
	return given, nil
}

// checkUser reports what the columns can't have.
func (a *authjs) checkUser(u *store.User) error {
	c := a.user(a.layout.Users.Email)
	if u.Email == "" && !c.nullable {
		return fmt.Errorf("the user has no e-mail address, and the column %s of %s is NOT NULL", c.quoted, a.users.name)
	}
	if !c.fits(u.Email) {
		return fmt.Errorf("the e-mail address is longer than %d characters, which the column %s of %s can have", c.length, c.quoted, a.users.name)
	}
	return nil
}

// emailTaken reports whether another user has the address of u, or one that is the same by
// the collation of its unique key. One that another transaction has entered and not
// committed is found by that key.
func (a *authjs) emailTaken(ctx context.Context, t *transaction, u *store.User) (bool, error) {
	if u.Email == "" {
		return false, nil
	}
	users, err := a.findUsers(ctx, t, a.hasEmail(1), u.Email)
	return slices.ContainsFunc(users, func(other *store.User) bool { return other.ID != u.ID }), err
}

// insertUser inserts a user and returns the ID, "" if there is a user with the ID or the
// address.
func (a *authjs) insertUser(ctx context.Context, t *transaction, u *store.User) (id string, err error) {
	l := &a.layout.Users
	key := a.user(l.ID)
	in := insertion{a: a}
	if key.kind != integerKind {
		in.add(key, u.ID)
	}
	values, now := a.userValues(u), toMillis(u.CreatedAt)
	for _, name := range []string{l.Name, l.Email, l.Image, l.EmailVerified} {
		in.add(a.user(name), values[name])
	}
	for _, name := range []string{l.CreatedAt, l.UpdatedAt} {
		if c := a.user(name); c != nil {
			in.add(c, c.timeArg(now))
		}
	}
	if a.dialect != MySQL {
		return first(queryAll(ctx, t, scan[string], in.statement(a.users.name)+` ON CONFLICT DO NOTHING RETURNING `+a.asText(key.quoted)+` AS made`, in.args...))
	}
	n, err := in.mysql(ctx, t, a.users.name, key)
	switch {
	case err != nil || n == 0:
		return "", err
	case key.kind == integerKind:
		return strconv.FormatInt(n, 10), nil
	}
	return u.ID, nil
}

// userValues are the arguments of the columns that both sides have.
func (a *authjs) userValues(u *store.User) map[string]any {
	l := &a.layout.Users
	name, email, image, verified := a.user(l.Name), a.user(l.Email), a.user(l.Image), a.user(l.EmailVerified)
	picture := u.Image
	if !image.fits(picture) {
		picture = ""
	}
	return map[string]any{
		l.Name: name.orNone(name.cut(u.Name)), l.Email: email.orNone(u.Email), l.Image: image.orNone(picture),
		l.EmailVerified: verified.timeArg(toMillis(u.EmailVerified)),
	}
}

// whyNotCreated returns the error of a user with the ID or the address of another.
func (a *authjs) whyNotCreated(ctx context.Context, t *transaction, u *store.User, acc *store.Account, taken bool) error {
	if acc != nil {
		if _, err := a.findByAccount(ctx, t, acc.AccountKey); !errors.Is(err, store.ErrNotFound) {
			return cmp.Or(err, store.ErrAccountTaken)
		}
	}
	if !taken {
		var err error
		if taken, err = a.emailTaken(ctx, t, u); err != nil {
			return err
		}
	}
	if taken {
		return store.ErrEmailTaken
	}
	if u.ID != "" {
		if _, err := a.findByID(ctx, t, u.ID); !errors.Is(err, store.ErrNotFound) {
			return cmp.Or(err, fmt.Errorf("another user has the ID %q", u.ID))
		}
	}
	return errAgain // the other user has gone, or this transaction does not see it
}

// updateUser writes what a function has changed, and returns the user as it is stored.
func (a *authjs) updateUser(ctx context.Context, t *transaction, before, u *store.User) (*store.User, error) {
	if err := a.checkUser(u); err != nil && u.Email != before.Email {
		return nil, final{failed("update a user", err)}
	}
	l := &a.layout.Users
	values := a.userValues(u)
	var set []string
	var args []any
	write := func(name string, value any) {
		args = append(args, value)
		c := a.user(name)
		set = append(set, c.quoted+" = "+a.value(c, len(args)))
	}
	// A row in mixed case stays as it is unless its address changes.
	for _, v := range []struct {
		name    string
		changed bool
	}{
		{l.Name, u.Name != before.Name},
		{l.Email, u.Email != before.Email},
		{l.Image, u.Image != before.Image},
		{l.EmailVerified, toMillis(u.EmailVerified) != toMillis(before.EmailVerified)},
	} {
		if v.changed {
			write(v.name, values[v.name])
		}
	}
	if c := a.user(l.UpdatedAt); c != nil && len(set) > 0 {
		write(l.UpdatedAt, c.timeArg(t.now))
	}
	if len(set) > 0 {
		key := a.user(l.ID)
		id, _ := key.idOf(u.ID)
		args = append(args, id)
		if _, err := exec(ctx, t, `UPDATE `+a.users.name+` SET `+strings.Join(set, ", ")+` WHERE `+a.is(key, len(args)), args...); err != nil {
			return nil, err
		}
	}
	stored := u.Clone()
	if u.Name != before.Name {
		stored.Name = a.user(l.Name).cut(u.Name)
	}
	if !a.user(l.Image).fits(u.Image) {
		stored.Image = ""
	}
	stored.EmailVerified = timeOf(a.user(l.EmailVerified).floor(toMillis(u.EmailVerified)))
	stored.FirstSignIn = timeOf(toMillis(u.FirstSignIn))
	return stored, a.saveOwn(ctx, t, stored)
}

// saveOwn writes the row of a user in nuxtauth_users, also in place of one that a user who
// is gone has left.
func (a *authjs) saveOwn(ctx context.Context, t *transaction, u *store.User) error {
	const insert = `
		INSERT INTO nuxtauth_users (id, name, email, image, email_verified, password_hash, disabled, first_sign_in, extra, created_at)
		VALUES ($1, '', NULL, '', 0, $2, $3, $4, $5, `
	_, err := change(ctx, t, insert+`$6)
		ON CONFLICT (id) DO UPDATE SET password_hash = excluded.password_hash, disabled = excluded.disabled,
			first_sign_in = excluded.first_sign_in, extra = excluded.extra, created_at = excluded.created_at
		RETURNING 1`, insert+`$6)
		ON DUPLICATE KEY UPDATE password_hash = $2, disabled = $3, first_sign_in = $4, extra = $5, created_at = $6`,
		u.ID, u.PasswordHash, u.Disabled, toMillis(u.FirstSignIn), string(u.Extra), toMillis(u.CreatedAt))
	return err
}

// deleteUser removes a user with all accounts and the sessions of Node, and reports whether
// there was one.
func (a *authjs) deleteUser(ctx context.Context, t *transaction, id string) (bool, error) {
	_, err := a.lockUser(ctx, t, id)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	if err == nil {
		err = a.deleteSessions(ctx, t, id)
	}
	if err == nil {
		err = a.deleteAccounts(ctx, t, id, store.AccountKey{})
	}
	if err != nil {
		return false, err
	}
	key := a.user(a.layout.Users.ID)
	arg, _ := key.idOf(id)
	if _, err := exec(ctx, t, `DELETE FROM `+a.users.name+` WHERE `+a.is(key, 1), arg); err != nil {
		return false, err
	}
	_, err = exec(ctx, t, `DELETE FROM nuxtauth_users WHERE id = $1`, id)
	return true, err
}

// deleteSessions ends the sessions that Node has stored for a user.
func (a *authjs) deleteSessions(ctx context.Context, t *transaction, id string) error {
	if a.sessions.name == "" {
		return nil
	}
	c := a.sessions.columns[a.layout.Sessions.UserID]
	arg, ok := c.idOf(id)
	if !ok {
		return nil
	}
	_, err := exec(ctx, t, `DELETE FROM `+a.sessions.name+` WHERE `+a.is(c, 1), arg)
	return err
}
