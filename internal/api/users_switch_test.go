package api_test

import (
	"strings"
	"testing"

	"github.com/nuxtauth/nuxtauth/internal/apptest"
)

// The session of the user before can't be ended, and would go on for copies of its cookie:
// the browser does not switch users.
func TestML14_SessionThatCannotBeEndedRefusesTheSwitch(t *testing.T) {
	for name, tt := range map[string]struct {
		use  func(*apptest.Store, *apptest.Config)
		call string
	}{
		"store":     {(*apptest.Store).Use, "DeleteSession"},
		"deny-list": {(*apptest.Store).UseAsDenyList, "Mark"},
	} {
		for _, p := range spoken {
			s := apptest.NewStore()
			u := newUsersApp(t, speaking(p.Protocol), func(c *apptest.Config) { tt.use(s, c) })
			alice := u.mustSignIn("idp", "alice")
			copied := &usersApp{App: u.Copy(), calls: u.calls}
			fail := func() { s.RunBefore(tt.call, func() { s.Fail(apptest.ErrDown) }) }

			back := u.answer("idp", "bob")
			fail()
			res := u.Follow(back)
			s.Fail(nil)
			u.refused(res, p.callback)
			for _, c := range res.Cookies() {
				if strings.Contains(c.Name, "session-token") {
					t.Errorf("%s: the answer sets %s", name, c)
				}
			}
			u.signedInAs(alice)

			back = u.answer("idp", "alice") // once more as the same user
			fail()
			u.Follow(back)
			s.Fail(nil)
			u.signedInAs(alice)
			copied.signedInAs(alice)

			bob := u.mustSignIn("idp", "bob")
			if bob == alice {
				t.Errorf("%s: bob is alice", name)
			}
		}
	}
}
