package provider

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// The maximum lengths of the fields of a user, in bytes: they are part of the
// session cookie, and users choose some of them.
const (
	maxID    = 256
	maxName  = 256
	maxEmail = 320 // 64 + "@" + 255
	maxImage = 2048
)

// Normalize changes the fields of u to the limits of a session. The e-mail address
// is converted to lower case. A name is truncated to 256 bytes. An e-mail address
// longer than 320 bytes or with spaces in it, and an image that is not an http or
// https URL of at most 2048 bytes, are removed. Applying it twice has no further
// effect.
//
// The error says that the ID is empty, longer than 256 bytes or not printable text.
func (u *User) Normalize() error {
	if u.ID == "" {
		return errors.New("provider: the user has no id")
	}
	if len(u.ID) > maxID {
		return fmt.Errorf("provider: the user's id has %d bytes, more than %d", len(u.ID), maxID)
	}
	if !utf8.ValidString(u.ID) || strings.ContainsFunc(u.ID, unicode.IsControl) {
		return errors.New("provider: the user's id is not printable text")
	}
	u.Name = cut(printable(u.Name), maxName)
	u.Email = address(u.Email)
	u.EmailVerified = u.EmailVerified && u.Email != ""
	if !isImage(u.Image) {
		u.Image = ""
	}
	return nil
}

// address returns s with its ASCII letters in lower case, "" if it is no e-mail address for
// a session. Other letters stay: the lower case of some is an ASCII letter (U+212A, the
// Kelvin sign, becomes k), and the address would be that of another user.
func address(s string) string {
	if !utf8.ValidString(s) {
		return ""
	}
	s = strings.Map(lowerASCII, strings.TrimSpace(s))
	if len(s) > maxEmail || strings.ContainsFunc(s, spaceOrControl) {
		return ""
	}
	return s
}

func lowerASCII(r rune) rune {
	if 'A' <= r && r <= 'Z' {
		return r + 'a' - 'A'
	}
	return r
}

func spaceOrControl(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }

// printable returns s without control characters and invalid UTF-8.
func printable(s string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "")))
}

// cut truncates s to at most n bytes, between two characters.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return strings.TrimSpace(s[:n])
}

func isImage(s string) bool {
	if len(s) > maxImage {
		return false
	}
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != ""
}

// DefaultProfile returns the user of the standard claims (OpenID Connect Core §5.1):
// the ID is sub (or id), the name is name (or nickname, or preferred_username), the
// image is picture. It is the default of Provider.Profile; another Profile function
// can call it and change the result. The error says that the profile is malformed or
// has no ID.
func DefaultProfile(ctx context.Context, r ProfileRequest) (*User, error) {
	return standardMembers.profile(ctx, r)
}

// members lists the members of a profile for each field of a user, in order of
// preference. The first one that is present and not null is used.
type members struct{ id, name, email, image []string }

// The profiles that need no function of their own.
var (
	standardMembers = members{
		id:    []string{"sub", "id"},
		name:  []string{"name", "nickname", "preferred_username"},
		email: []string{"email"},
		image: []string{"picture"},
	}
	githubMembers = members{
		id:    []string{"id"},
		name:  []string{"name", "login"},
		email: []string{"email"},
		image: []string{"avatar_url"},
	}
	gitlabMembers = members{
		id:    []string{"sub", "id"},
		name:  []string{"name", "username"},
		email: []string{"email"},
		image: []string{"avatar_url"},
	}
	bareMembers = members{ // no picture
		id:    []string{"sub"},
		name:  []string{"name"},
		email: []string{"email"},
	}
)

// profile implements Provider.Profile.
func (m members) profile(_ context.Context, r ProfileRequest) (*User, error) {
	profile, err := r.Profile.members()
	if err != nil {
		return nil, err
	}
	id, err := idOf(first(profile, m.id))
	if err != nil {
		return nil, err
	}
	user := &User{
		ID:    id,
		Name:  text(profile, m.name),
		Email: text(profile, m.email),
		Image: text(profile, m.image),

		EmailVerified: isTrue(profile["email_verified"]),
	}
	if err := user.Normalize(); err != nil {
		return nil, err
	}
	return user, nil
}

// members returns the members of the profile. Their values are not decoded, so that
// a number keeps all of its digits.
func (p Profile) members() (map[string]jsontext.Value, error) {
	var m map[string]jsontext.Value
	if err := p.Decode(&m); err != nil {
		return nil, fmt.Errorf("provider: the profile is not a JSON object: %w", err)
	}
	return m, nil
}

// first returns the first of the named members that is present and not null.
func first(profile map[string]jsontext.Value, names []string) jsontext.Value {
	for _, name := range names {
		if v, ok := profile[name]; ok && v.Kind() != jsontext.KindNull {
			return v
		}
	}
	return nil
}

// text returns the first of the named members that is a string and not empty.
func text(profile map[string]jsontext.Value, names []string) string {
	for _, name := range names {
		var s string
		if json.Unmarshal(profile[name], &s) == nil && s != "" {
			return s
		}
	}
	return ""
}

// isTrue reports whether a member is true, or "true", as some providers write it.
func isTrue(v jsontext.Value) bool { return string(v) == "true" || string(v) == `"true"` }

// idOf returns the value of a string, or the digits of a whole number: some ids
// exceed the precision of a float64.
func idOf(v jsontext.Value) (string, error) {
	switch v.Kind() {
	case jsontext.KindString:
		var s string
		err := json.Unmarshal(v, &s)
		return s, err
	case jsontext.KindNumber:
		if strings.ContainsAny(string(v), ".eE") {
			return "", fmt.Errorf("provider: the user's id %q is not a whole number", cut(string(v), 32))
		}
		return string(v), nil
	case jsontext.KindInvalid:
		return "", errors.New("provider: the profile has no id")
	default:
		return "", errors.New("provider: the user's id is neither a string nor a number")
	}
}

// googleProfile takes an address for verified only if Google is in charge of it. Of any
// other the owner may have changed since Google has verified it.
func googleProfile(ctx context.Context, r ProfileRequest) (*User, error) {
	user, err := standardMembers.profile(ctx, r)
	if err != nil {
		return nil, err
	}
	profile, err := r.Profile.members()
	if err != nil {
		return nil, err
	}
	user.EmailVerified = user.EmailVerified && (strings.HasSuffix(user.Email, "@gmail.com") || text(profile, []string{"hd"}) != "")
	return user, nil
}

// githubProfile fetches the e-mail address if the profile has none.
func githubProfile(ctx context.Context, r ProfileRequest) (*User, error) {
	user, err := githubMembers.profile(ctx, r)
	if err != nil || user.Email != "" || r.Get == nil || r.UserinfoURL == "" {
		return user, err
	}
	emails, err := url.Parse(r.UserinfoURL)
	if err != nil {
		return nil, fmt.Errorf("provider: UserinfoURL: %w", err)
	}
	emails = emails.JoinPath("emails")
	emails.RawQuery = "per_page=100"
	body, err := r.Get(ctx, emails.String())
	if err != nil {
		// The scope may not have been granted or requested: as in Auth.js,
		// that is a user without an address.
		return user, ctx.Err()
	}
	user.Email, err = primaryEmail(body)
	user.EmailVerified = true
	if err != nil {
		return nil, err
	}
	return user, user.Normalize()
}

// primaryEmail returns the primary address of GitHub's list if it is verified, or else "".
func primaryEmail(body []byte) (string, error) {
	var emails []struct {
		Email    string `json:"email"`
		Primary  bool   `json:"primary"`
		Verified bool   `json:"verified"`
	}
	if err := json.Unmarshal(body, &emails); err != nil {
		return "", fmt.Errorf("provider: GitHub's list of e-mail addresses: %w", err)
	}
	for _, e := range emails {
		if e.Primary && e.Verified {
			return e.Email, nil
		}
	}
	return "", nil
}

// discordProfile computes the URL of the image, which is not part of the profile.
func discordProfile(_ context.Context, r ProfileRequest) (*User, error) {
	var profile struct {
		ID            jsontext.Value `json:"id"`
		Username      string         `json:"username"`
		GlobalName    string         `json:"global_name"`
		Discriminator string         `json:"discriminator"`
		Avatar        string         `json:"avatar"`
		Email         string         `json:"email"`
		Verified      *bool          `json:"verified"`
	}
	if err := r.Profile.Decode(&profile); err != nil {
		return nil, fmt.Errorf("provider: Discord's profile: %w", err)
	}
	id, err := idOf(profile.ID)
	if err != nil {
		return nil, err
	}
	user := &User{
		ID:    id,
		Name:  profile.GlobalName,
		Email: profile.Email,
		Image: discordImage(id, profile.Discriminator, profile.Avatar),
	}
	if user.Name == "" {
		user.Name = profile.Username
	}
	if profile.Verified != nil && !*profile.Verified {
		user.Email = ""
	}
	return user, user.Normalize()
}

// discordImage returns the URL of an image (Discord's API reference, "CDN Endpoints").
func discordImage(id, discriminator, avatar string) string {
	const cdn = "https://cdn.discordapp.com/"
	if avatar != "" {
		extension := ".png"
		if strings.HasPrefix(avatar, "a_") {
			extension = ".gif"
		}
		return cdn + "avatars/" + url.PathEscape(id) + "/" + url.PathEscape(avatar) + extension
	}
	if n, err := strconv.ParseUint(discriminator, 10, 64); err == nil && n > 0 {
		return cdn + "embed/avatars/" + strconv.FormatUint(n%5, 10) + ".png"
	}
	if n, err := strconv.ParseUint(id, 10, 64); err == nil {
		return cdn + "embed/avatars/" + strconv.FormatUint((n>>22)%6, 10) + ".png"
	}
	return ""
}
