package session

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"log/slog"
	"time"

	"github.com/nuxtauth/nuxtauth/store"
	"github.com/nuxtauth/nuxtauth/token"
)

// A denyList has the sessions that were ended before their tokens expire: by name,
// and by what they belong to. Without marks it has none.
type denyList struct {
	marks  store.Marks
	realm  string
	sealed bool // sessions in cookies can be ended apart from those of the store

	// For those that add marks.
	ttl     time.Duration
	counter store.Counter
	log     *slog.Logger
}

var errRevoked = fmt.Errorf("%w: it was revoked", token.ErrInvalid)

// maxRealm is the size up to which a realm is in a name as it is.
const maxRealm = 48

// MarkName is the name of a mark or of a counter: the realm, of what kind it is, and a key
// of the parts, which may come from outside. It has at most 120 bytes if the kind has 20.
// Names are a format that replicas of two releases share.
func MarkName(realm, kind string, parts ...string) string {
	var b [keySize]byte
	appendKey(b[:0], parts)
	return shortRealm(realm) + ":" + kind + ":" + string(b[:])
}

// keyName is the name of a mark or of a counter with this key.
func keyName(realm, kind, key string) string { return shortRealm(realm) + ":" + kind + ":" + key }

func shortRealm(realm string) string {
	if len(realm) > maxRealm {
		return key(realm)
	}
	return realm
}

const keySize = (sha256.Size*8 + 5) / 6 // in base64url

// key is the SHA-256 of parts of any length. Other parts, or the same text divided in
// another way, have another key.
func key(parts ...string) string { return string(appendKey(nil, parts)) }

func appendKey(b []byte, parts []string) []byte {
	text := make([]byte, 0, 256)
	for _, part := range parts {
		text = binary.AppendUvarint(text, uint64(len(part)))
		text = append(text, part...)
	}
	sum := sha256.Sum256(text)
	return base64.RawURLEncoding.AppendEncode(b, sum[:])
}

// session is the name of one session.
func (d denyList) session(id string) string { return MarkName(d.realm, "session", id) }

// userSession is the name of a session by its user and the ID that the user was
// shown: with the ID of another user's session it is that of no session.
func (d denyList) userSession(subject, id string) string {
	return MarkName(d.realm, "user-session", subject, id)
}

// subject is the name of all sessions of a user.
func (d denyList) subject(subject string) string { return MarkName(d.realm, "subject", subject) }

// userProvider is the name of the sessions of a user of the application that came from a
// provider.
func (d denyList) userProvider(subject, provider string) string {
	return MarkName(d.realm, "user-idp", subject, provider)
}

// sealedOf is the name of the sessions of a user that are still in cookies, while
// sessions are moved into a store.
func (d denyList) sealedOf(subject string) string { return MarkName(d.realm, "sealed", subject) }

// adopting is the name of a session that is being moved into a store.
func (d denyList) adopting(id string) string { return MarkName(d.realm, "adopting", id) }

// providerSession is the name of the sessions that came from a session at a provider.
func (d denyList) providerSession(provider, session string) string {
	return MarkName(d.realm, "idp-sid", provider, session)
}

// providerSubject is the name of the sessions that came from a user at a provider.
func (d denyList) providerSubject(provider, subject string) string {
	return MarkName(d.realm, "idp-sub", provider, subject)
}

// atIssuer returns the name of a user or of a session at a provider, "" if there is none.
// An issuer tells those of its tenants apart.
func atIssuer(issuer, name string) string {
	if issuer == "" || name == "" {
		return name
	}
	return issuer + " " + name
}

// noSession stands for the session at a provider in the sessions of a user whose sign-in
// had no sid. A provider can send the same text as a sid, which ends its own sessions alone.
func noSession(subject string) string { return "sub " + subject }

// groups appends the names of what a session of a user belongs to. A mark of one
// ends the sessions whose sign-in came before it.
func (d denyList) groups(names []string, subject string, s *Session) []string {
	names = append(names, d.subject(subject))
	if d.sealed && s.isFound() && !s.stored() {
		names = append(names, d.sealedOf(subject))
	}
	o := s.Claims.Origin
	if o.User && o.Provider != "" {
		names = append(names, d.userProvider(subject, o.Provider))
	}
	if o.ProviderSession != "" {
		names = append(names, d.providerSession(o.Provider, atIssuer(o.Issuer, o.ProviderSession)))
	} else if o.ProviderSubject != "" {
		names = append(names, d.providerSession(o.Provider, atIssuer(o.Issuer, noSession(o.ProviderSubject))))
	}
	if o.ProviderSubject != "" {
		names = append(names, d.providerSubject(o.Provider, atIssuer(o.Issuer, o.ProviderSubject)))
	}
	return names
}

// check returns an error if a session that was found has been revoked, and notes
// the latest revocation of its groups, and of further groups, in s. A mark of a
// further group does not revoke it.
func (d denyList) check(ctx context.Context, s *Session, further ...string) error {
	if d.marks == nil {
		return nil
	}
	names := d.groups(make([]string, 0, 8), s.found.subject, s)
	groups := len(names)
	if id := s.found.id; id != "" {
		names = append(names, d.session(id), d.userSession(s.found.subject, id))
	}
	own := len(names)
	marks, err := d.marks.Marked(ctx, append(names, further...)...)
	if err != nil {
		return Transient(err)
	}
	for i, at := range marks {
		switch {
		case i < groups && at > since(s.Claims), groups <= i && i < own && at != 0:
			return ended(errRevoked)
		default: // that of the session itself is 0
			s.latest = max(s.latest, at)
		}
	}
	return nil
}

// begin lets a new session begin after the revocations of its groups so far.
func (d denyList) begin(ctx context.Context, s *Session) error {
	if d.marks == nil {
		return nil
	}
	marks, err := d.marks.Marked(ctx, d.groups(nil, s.Claims.Subject, s)...)
	if err != nil {
		return Transient(err)
	}
	for _, at := range marks {
		s.latest = max(s.latest, at)
	}
	s.Claims.Origin.Since = s.latest
	return nil
}

// changeSubject lets a session whose subject has changed go on after the
// revocations of the new user so far, unless the session has been revoked.
func (d denyList) changeSubject(ctx context.Context, s *Session) error {
	err := d.check(ctx, s, d.subject(s.Claims.Subject))
	if err == nil {
		s.Claims.Origin.Since = max(s.Claims.Origin.Since, s.latest)
	}
	return err
}

// since is the revocation up to which the sign-in of a session is known to be
// the later one, in microseconds by the clock of the deny-list. A token of a Node
// server does not have it: the second in which it was issued stands for it, by
// that server's clock.
func since(c *Claims) int64 {
	if c.Origin.AuthTime != 0 {
		return c.Origin.Since
	}
	return int64(c.IssuedAt)*1e6 - 1
}

// sessionID is what all tokens of a session have in common: those of before there
// was a deny-list have taken over the ID of the first.
func sessionID(c *Claims) string {
	if c.Origin.SessionID != "" {
		return c.Origin.SessionID
	}
	return c.ID
}
