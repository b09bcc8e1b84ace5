package store

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"
)

// Links stores the links that an application has sent by e-mail, until they are used or
// expire. Its methods are safe for concurrent use, each is atomic, also towards other
// processes that share the store, and they honour their context as those of [Sessions] do.
// [ErrNotFound] and [ErrFull] are answers; after any other error it is unknown whether the
// link exists. Strings are compared byte for byte, and those that can't be stored are not
// found. Links are not retained. Methods are never added to this interface.
type Links interface {
	// SaveLink stores a link, in place of one with the same key. Of one purpose and
	// address at most [MaxLinks] stay, this one among them: the oldest are removed. What
	// [Link.Check] reports is an error.
	SaveLink(ctx context.Context, l *Link) error
	// FindLink returns a link that has not expired, or ErrNotFound.
	FindLink(ctx context.Context, key LinkKey) (*Link, error)
	// TakeLink removes a link and returns it. Of several calls at once one gets it; for
	// the others, and from ExpiresAt on, it is ErrNotFound.
	TakeLink(ctx context.Context, key LinkKey) (*Link, error)
	// DeleteLinks removes all links to an address, of all purposes. None is no error.
	DeleteLinks(ctx context.Context, email string) error
}

// MaxLinks is how many links of one purpose and address are open at once.
const MaxLinks = 3

// LinkKey is what a link is found by: all of it. The store never has the token of a link.
type LinkKey struct {
	Purpose string // what the link is for, such as "signin": one of another purpose is not found
	Email   string // to which it was sent
	Hash    [sha256.Size]byte
}

// A Link is a link that was sent by e-mail, as a [Links] stores it. It is plain data.
type Link struct {
	_ [0]func() // no == and no literal without names: a field of any type can be added

	LinkKey

	// Subject is the ID of the user whom the link is for, "" if it is for the owner of the
	// address, whether a user or not.
	Subject string

	RedirectTo string // where the browser goes afterwards

	// CreatedAt is when it was sent. From ExpiresAt on it is not found. Times are stored
	// in milliseconds, rounded down, and returned in UTC.
	CreatedAt, ExpiresAt time.Time
}

// Check reports what every store refuses: a link without a purpose, an address or an
// expiry, and strings that are too long, or that some databases can't store.
func (l *Link) Check() error {
	if l.Purpose == "" || l.Email == "" || l.ExpiresAt.IsZero() {
		return errors.New("store: the link has no purpose, no address or no expiry")
	}
	if err := checkTexts(text{"purpose", l.Purpose, 64}, text{"e-mail address", l.Email, MaxEmail}, text{"subject", l.Subject, MaxUserID},
		text{"redirect URL", l.RedirectTo, 8 << 10}); err != nil {
		return fmt.Errorf("store: of the link %w", err)
	}
	return nil
}
