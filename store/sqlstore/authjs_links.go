package sqlstore

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/nuxtauth/nuxtauth/store"
)

// A link to sign in is a row in the table of Auth.js, so that Node and this package spend
// each other's links. The row of nuxtauth_links beside it has what that table has no columns
// for. Links for other purposes are in nuxtauth_links alone: Node would sign in with them.

// purposeSignIn is the purpose of the links of Auth.js.
const purposeSignIn = "signin"

// has reports whether the link with a key is in the table of Auth.js.
func (a *authjs) has(key store.LinkKey) bool { return a != nil && key.Purpose == purposeSignIn }

func (a *authjs) token(name string) *column { return a.tokens.columns[name] }

// hasToken is the condition of a link, in the first two arguments.
func (a *authjs) hasToken() string {
	l := &a.layout.VerificationTokens
	return a.is(a.token(l.Identifier), 1) + " AND " + a.is(a.token(l.Token), 2)
}

func tokenArgs(key store.LinkKey) []any { return []any{key.Email, hex.EncodeToString(key.Hash[:])} }

// saveLink is [Store.SaveLink] for a link to sign in. The links that are too many are
// removed when it is stored, as those of other calls are seen then.
func (a *authjs) saveLink(ctx context.Context, s *Store, l *store.Link) error {
	names := &a.layout.VerificationTokens
	identifier, token, expires := a.token(names.Identifier), a.token(names.Token), a.token(names.Expires)
	if !identifier.fits(l.Email) {
		return failed("save a link", fmt.Errorf("the e-mail address is longer than %d characters, which the column %s of %s can have", identifier.length, identifier.quoted, a.tokens.name))
	}
	err := s.transact(ctx, func(ctx context.Context, t *transaction) error {
		if err := saveLinkRow(ctx, t, l); err != nil {
			return err
		}
		if _, err := exec(ctx, t, `DELETE FROM `+a.tokens.name+` WHERE `+a.hasToken(), tokenArgs(l.LinkKey)...); err != nil {
			return err
		}
		_, err := exec(ctx, t, `INSERT INTO `+a.tokens.name+` (`+strings.Join([]string{identifier.quoted, token.quoted, expires.quoted}, ", ")+
			`) VALUES (`+strings.Join([]string{a.value(identifier, 1), a.value(token, 2), a.value(expires, 3)}, ", ")+`)`,
			append(tokenArgs(l.LinkKey), expires.floor(toMillis(l.ExpiresAt)))...)
		return err
	})
	if err == nil {
		err = s.transact(ctx, func(ctx context.Context, t *transaction) error { return a.pruneLinks(ctx, t, l.Email) })
	}
	if err != nil {
		return failed("save a link", err)
	}
	s.sweep(ctx)
	return nil
}

// pruneLinks removes all links to sign in to an address but for the newest.
func (a *authjs) pruneLinks(ctx context.Context, t *transaction, email string) error {
	open, err := queryAll(ctx, t, scan[[]byte], `SELECT hash FROM nuxtauth_links WHERE email = $1 AND purpose = $2 AND taken = '' ORDER BY position DESC, hash`,
		email, purposeSignIn)
	if err != nil {
		return err
	}
	for _, hash := range open[min(len(open), store.MaxLinks):] {
		if len(hash) != len(store.LinkKey{}.Hash) {
			return errors.New("the database answered with a hash of another length")
		}
		key := store.LinkKey{Purpose: purposeSignIn, Email: email, Hash: [32]byte(hash)}
		if _, err := exec(ctx, t, `DELETE FROM nuxtauth_links WHERE email = $1 AND purpose = $2 AND hash = $3`, email, purposeSignIn, hash); err != nil {
			return err
		}
		if _, err := exec(ctx, t, `DELETE FROM `+a.tokens.name+` WHERE `+a.hasToken(), tokenArgs(key)...); err != nil {
			return err
		}
	}
	return nil
}

// findLink returns a link to sign in, or ErrNotFound. lock is forUpdate or nothing.
func (a *authjs) findLink(ctx context.Context, r runner, key store.LinkKey, now int64, lock string) (*store.Link, error) {
	if !storable(key.Email) {
		return nil, store.ErrNotFound
	}
	expires := a.token(a.layout.VerificationTokens.Expires)
	rows, err := queryAll(ctx, r, scan[int64], `SELECT `+a.millis(expires, "link_expires")+` FROM `+a.tokens.name+
		` WHERE `+a.hasToken()+` AND `+expires.quoted+` > `+a.value(expires, 3)+lock, append(tokenArgs(key), now)...)
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return nil, store.ErrNotFound
	}
	l, err := first(queryAll(ctx, r, func(row scanner) (*store.Link, error) { return scanLink(row, key) },
		`SELECT subject, redirect_to, created_at, expires_at FROM nuxtauth_links WHERE email = $1 AND purpose = $2 AND hash = $3`,
		key.Email, key.Purpose, key.Hash[:]))
	if err != nil {
		return nil, err
	}
	if l == nil { // Node has sent it
		l = &store.Link{LinkKey: key}
	}
	l.ExpiresAt = timeOf(rows[0])
	return l, nil
}

// takeLink removes a link to sign in and returns it, or ErrNotFound. The row in
// nuxtauth_links has the ID of the call, so that the call still gets the link when a lost
// answer makes it run again.
func (a *authjs) takeLink(ctx context.Context, s *Store, key store.LinkKey) (*store.Link, error) {
	call := store.NewID()
	var taken *store.Link
	err := s.transact(ctx, func(ctx context.Context, t *transaction) error {
		if t.unsure && taken != nil {
			own, err := queryAll(ctx, t, scan[int64], `SELECT 1 AS found_link FROM nuxtauth_links WHERE email = $1 AND purpose = $2 AND hash = $3 AND taken = $4`,
				key.Email, key.Purpose, key.Hash[:], call)
			if err != nil || len(own) > 0 {
				return err
			}
		}
		l, err := a.findLink(ctx, t, key, s.millis(), forUpdate)
		if err != nil {
			return err
		}
		taken = l
		if _, err := exec(ctx, t, `DELETE FROM `+a.tokens.name+` WHERE `+a.hasToken(), tokenArgs(key)...); err != nil {
			return err
		}
		const insert = `
			INSERT INTO nuxtauth_links (email, purpose, hash, subject, redirect_to, created_at, expires_at, position, taken)
			VALUES ($1, $2, $3, '', '', 0, $4, 0, $5)`
		_, err = change(ctx, t, insert+`
			ON CONFLICT (email, purpose, hash) DO UPDATE SET taken = excluded.taken
			RETURNING 1`, insert+`
			ON DUPLICATE KEY UPDATE taken = $5`,
			key.Email, key.Purpose, key.Hash[:], toMillis(l.ExpiresAt), call)
		return err
	})
	if err != nil {
		return nil, err
	}
	return taken, nil
}

// deleteLinks removes all links to an address, also those that Node has sent.
func (a *authjs) deleteLinks(ctx context.Context, s *Store, email string) error {
	return s.transact(ctx, func(ctx context.Context, t *transaction) error {
		if _, err := exec(ctx, t, `DELETE FROM nuxtauth_links WHERE email = $1`, email); err != nil {
			return err
		}
		_, err := exec(ctx, t, `DELETE FROM `+a.tokens.name+` WHERE `+a.is(a.token(a.layout.VerificationTokens.Identifier), 1), email)
		return err
	})
}

// sweepTokens deletes expired links, which Node leaves. Each statement deletes at most $2 of
// those that expired before $1.
func (a *authjs) sweepTokens() string {
	l := &a.layout.VerificationTokens
	expires := a.token(l.Expires)
	where := expires.quoted + ` <= ` + a.value(expires, 1)
	if a.dialect == MySQL {
		return `DELETE FROM ` + a.tokens.name + ` WHERE ` + where + ` ORDER BY ` + expires.quoted + ` LIMIT $2`
	}
	key := a.token(l.Identifier).quoted + ", " + a.token(l.Token).quoted
	return `DELETE FROM ` + a.tokens.name + ` WHERE (` + key + `) IN (
		SELECT ` + key + ` FROM ` + a.tokens.name + ` WHERE ` + where + ` ORDER BY ` + expires.quoted + ` LIMIT $2` + skipLocked + `)`
}
