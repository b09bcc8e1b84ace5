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

// How long the parts of a user may be, in bytes. A session cookie has to hold
// them, and whoever fills in a profile chooses them.
const (
	maxID    = 256
	maxName  = 256
	maxEmail = 320 // 64 + "@" + 255
	maxImage = 2048
)

// Normalize makes u fit for a session. The e-mail address becomes lower-case.
// A name longer than 256 bytes is cut; an e-mail address longer than 320 bytes
// or with spaces in it, and an image that is not an http or https URL of at most
// 2048 bytes, are left out, since a part of either would be another one.
//
// It returns an error when the ID is empty, longer than 256 bytes or not
// printable text.
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
	if !isImage(u.Image) {
		u.Image = ""
	}
	return nil
}

// address is s in lower case, or nothing.
func address(s string) string {
	if !utf8.ValidString(s) {
		return ""
	}
	s = strings.ToLower(strings.TrimSpace(s))
	if len(s) > maxEmail || strings.ContainsFunc(s, spaceOrControl) {
		return ""
	}
	return s
}

func spaceOrControl(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }

// printable removes what can't be shown.
func printable(s string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "")))
}

// cut shortens s to at most n bytes of whole characters.
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

// DefaultProfile makes a user out of the standard claims of OpenID Connect Core
// §5.1: the ID is sub (or id), the name is name (or nickname, or
// preferred_username), the image is picture. It is what a nil Provider.Profile
// means; a Profile function of your own can call it and change the result.
func DefaultProfile(ctx context.Context, r ProfileRequest) (*User, error) {
	return standardMembers.profile(ctx, r)
}

// members says where a profile has the parts of a user: names of its members,
// best first. The first that is there and not null counts.
type members struct{ id, name, email, image []string }

// The profiles that need no code.
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

// profile is a Provider.Profile.
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
	}
	if err := user.Normalize(); err != nil {
		return nil, err
	}
	return user, nil
}

// members takes the profile apart without touching the values, so that a number
// keeps all of its digits.
func (p Profile) members() (map[string]jsontext.Value, error) {
	var m map[string]jsontext.Value
	if err := p.Decode(&m); err != nil {
		return nil, fmt.Errorf("provider: the profile is not a JSON object: %w", err)
	}
	return m, nil
}

// first returns the first of the named members that is there and not null.
func first(profile map[string]jsontext.Value, names []string) jsontext.Value {
	for _, name := range names {
		if v, ok := profile[name]; ok && v.Kind() != jsontext.KindNull {
			return v
		}
	}
	return nil
}

// text returns the first of the named members that is a string with something
// in it.
func text(profile map[string]jsontext.Value, names []string) string {
	for _, name := range names {
		var s string
		if json.Unmarshal(profile[name], &s) == nil && s != "" {
			return s
		}
	}
	return ""
}

// idOf reads a string, or a whole number with the digits that were sent: ids
// are larger than a float64 can hold.
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

// githubProfile asks for the e-mail address when the profile hides it.
func githubProfile(emailsURL string) func(context.Context, ProfileRequest) (*User, error) {
	return func(ctx context.Context, r ProfileRequest) (*User, error) {
		user, err := githubMembers.profile(ctx, r)
		if err != nil || user.Email != "" || r.Get == nil {
			return user, err
		}
		body, err := r.Get(ctx, emailsURL)
		if err != nil {
			// The user may have refused the scope, or the application may have
			// asked for less: that is a user without an address, as in Auth.js.
			return user, ctx.Err()
		}
		user.Email, err = primaryEmail(body)
		if err != nil {
			return nil, err
		}
		return user, user.Normalize()
	}
}

// primaryEmail picks the primary address out of GitHub's list if it is verified.
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

// discordProfile computes the address of the picture, which Discord does not say.
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

// discordImage follows the "CDN endpoints" of Discord's reference.
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
