package sqlstore

import (
	"context"

	"github.com/nuxtauth/nuxtauth/store"
)

// SaveLink implements [store.Links]. It is three statements: after an error there may be
// more links than [store.MaxLinks] until the next call. Only the disk bounds the number of
// links.
func (s *Store) SaveLink(ctx context.Context, l *store.Link) error {
	if err := ctx.Err(); err != nil {
		return failed("save a link", err)
	}
	if err := l.Check(); err != nil {
		return err
	}
	if s.authjs.has(l.LinkKey) {
		return s.authjs.saveLink(ctx, s, l)
	}
	if err := saveLinkRow(ctx, s, l); err != nil {
		return failed("save a link", err)
	}
	// Of calls at once the last to get here sees all links, and none removes one of the
	// newest. MySQL has no LIMIT in a subquery, but for one of a subquery.
	const open = `email = $1 AND purpose = $2 AND taken = ''`
	if _, err := exec(ctx, s, `
		DELETE FROM nuxtauth_links WHERE `+open+` AND hash NOT IN (SELECT hash FROM (
			SELECT hash FROM nuxtauth_links WHERE `+open+` ORDER BY position DESC, hash LIMIT $3) AS newest)`,
		l.Email, l.Purpose, store.MaxLinks); err != nil {
		return failed("save a link", err)
	}
	s.sweep(ctx)
	return nil
}

// saveLinkRow writes the row of a link.
func saveLinkRow(ctx context.Context, r runner, l *store.Link) error {
	// Clocks that differ do not decide what is new. Links of calls at once may have the same
	// position.
	position, err := first(queryAll(ctx, r, scan[int64],
		`SELECT coalesce(max(position), 0) + 1 FROM nuxtauth_links WHERE email = $1 AND purpose = $2`, l.Email, l.Purpose))
	if err != nil {
		return err
	}
	const insert = `
		INSERT INTO nuxtauth_links (email, purpose, hash, subject, redirect_to, created_at, expires_at, position, taken)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, '')`
	_, err = change(ctx, r, insert+`
		ON CONFLICT (email, purpose, hash) DO UPDATE SET subject = excluded.subject, redirect_to = excluded.redirect_to,
			created_at = excluded.created_at, expires_at = excluded.expires_at, position = excluded.position, taken = ''
		RETURNING 1`, insert+`
		ON DUPLICATE KEY UPDATE subject = $4, redirect_to = $5, created_at = $6, expires_at = $7, position = $8, taken = ''`,
		l.Email, l.Purpose, l.Hash[:], l.Subject, l.RedirectTo, toMillis(l.CreatedAt), toMillis(l.ExpiresAt), position)
	return err
}

// FindLink implements [store.Links].
func (s *Store) FindLink(ctx context.Context, key store.LinkKey) (*store.Link, error) {
	if s.authjs.has(key) {
		if err := ctx.Err(); err != nil {
			return nil, failed("find a link", err)
		}
		l, err := s.authjs.findLink(ctx, s, key, s.millis(), "")
		return l, orAnswer("find a link", err)
	}
	return s.findLink(ctx, "find a link", key, `taken = '' AND expires_at > $4`, s.millis())
}

// TakeLink implements [store.Links]. The row stays until the link expires, so that the call
// still gets the link when a lost answer makes the statement run again.
func (s *Store) TakeLink(ctx context.Context, key store.LinkKey) (*store.Link, error) {
	if err := ctx.Err(); err != nil {
		return nil, failed("take a link", err)
	}
	if !storable(key.Email, key.Purpose) {
		return nil, store.ErrNotFound
	}
	if s.authjs.has(key) {
		l, err := s.authjs.takeLink(ctx, s, key)
		return l, orAnswer("take a link", err)
	}
	call := store.NewID()
	if _, err := exec(ctx, s, `
		UPDATE nuxtauth_links SET taken = $4 WHERE email = $1 AND purpose = $2 AND hash = $3 AND taken = '' AND expires_at > $5`,
		key.Email, key.Purpose, key.Hash[:], call, s.millis()); err != nil {
		return nil, failed("take a link", err)
	}
	return s.findLink(ctx, "take a link", key, `taken = $4`, call)
}

// findLink returns a link if a condition, which has an argument, is true.
func (s *Store) findLink(ctx context.Context, operation string, key store.LinkKey, condition string, arg any) (*store.Link, error) {
	if err := ctx.Err(); err != nil {
		return nil, failed(operation, err)
	}
	if !storable(key.Email, key.Purpose) {
		return nil, store.ErrNotFound
	}
	links, err := queryAll(ctx, s, func(row scanner) (*store.Link, error) { return scanLink(row, key) }, `SELECT subject, redirect_to, created_at, expires_at FROM nuxtauth_links
		WHERE email = $1 AND purpose = $2 AND hash = $3 AND `+condition, key.Email, key.Purpose, key.Hash[:], arg)
	if err != nil {
		return nil, failed(operation, err)
	}
	if len(links) == 0 {
		return nil, store.ErrNotFound
	}
	return links[0], nil
}

func scanLink(row scanner, key store.LinkKey) (*store.Link, error) {
	l := &store.Link{LinkKey: key}
	var created, expires int64
	if err := row.Scan(&l.Subject, &l.RedirectTo, &created, &expires); err != nil {
		return nil, err
	}
	l.CreatedAt, l.ExpiresAt = timeOf(created), timeOf(expires)
	return l, nil
}

// DeleteLinks implements [store.Links].
func (s *Store) DeleteLinks(ctx context.Context, email string) error {
	if err := ctx.Err(); err != nil {
		return failed("delete links", err)
	}
	if !storable(email) {
		return nil
	}
	if s.authjs != nil {
		return orAnswer("delete links", s.authjs.deleteLinks(ctx, s, email))
	}
	if _, err := exec(ctx, s, `DELETE FROM nuxtauth_links WHERE email = $1`, email); err != nil {
		return failed("delete links", err)
	}
	return nil
}
