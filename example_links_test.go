package nuxtauth_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/mail"
	"github.com/nuxtauth/nuxtauth/store"
)

// A user who has forgotten the password gets a link, and chooses a new one. The answer to
// the first form is the same for every address.
func ExampleAuth_SendLink() {
	users := store.NewMemory(store.MemoryOptions{Now: midnight})
	_ = users.CreateUser(context.Background(), &store.User{Email: "ada@example.com"}, nil)
	sent := make(chan mail.Message, 1)
	auth, r := newApp(nuxtauth.Config[nuxtauth.DefaultJWT, nuxtauth.DefaultSession[nuxtauth.DefaultUser]]{
		Accounts: nuxtauth.AccountsConfig{Store: users},
		Mail:     nuxtauth.MailConfig{Send: func(_ context.Context, m mail.Message) error { sent <- m; return nil }},
	})
	r.POST("/forgot", func(c *gin.Context) {
		var form struct{ Email string }
		if c.BindJSON(&form) != nil {
			return
		}
		err := auth.SendLink(c, nuxtauth.LinkRequest{Purpose: mail.PurposeReset, Email: form.Email, RedirectTo: "/reset"})
		if err != nil {
			c.String(http.StatusBadRequest, "Is that your address? If it is, try again later.")
			return
		}
		c.String(http.StatusOK, "If you have an account here, look for an email.")
	})
	r.POST("/reset", func(c *gin.Context) { // the form of the page /reset, which the link opens
		var form struct{ Email, Token, Password string }
		if c.BindJSON(&form) != nil {
			return
		}
		link, err := auth.RedeemLink(c, nuxtauth.LinkProof{Purpose: mail.PurposeReset, Email: form.Email, Token: form.Token})
		switch {
		case errors.Is(err, nuxtauth.ErrInvalidLink):
			c.String(http.StatusForbidden, "This link does not work any more.")
		case err != nil:
			c.String(http.StatusServiceUnavailable, "Please ask for another link.")
		default:
			_, err = users.UpdateUser(c, link.Subject, func(u *store.User) error {
				u.PasswordHash = "the hash of " + form.Password // by package password
				return nil
			})
			c.String(http.StatusOK, "Stored: %t", err == nil)
		}
	})

	browser := &frontEnd{app: r}
	fmt.Println(browser.send("POST", "/forgot", `{"email":"grace@example.com"}`))
	fmt.Println(browser.send("POST", "/forgot", `{"email":"Ada@example.com"}`))
	_, query, _ := strings.Cut((<-sent).Text, "/reset?")
	query, _, _ = strings.Cut(query, "\n")
	q, _ := url.ParseQuery(query)
	body := fmt.Sprintf(`{"email":%q,"token":%q,"password":"a new one"}`, q.Get("email"), q.Get("token"))
	fmt.Println(browser.send("POST", "/reset", body))
	fmt.Println(browser.send("POST", "/reset", body))
	// Output:
	// 200 If you have an account here, look for an email.
	// 200 If you have an account here, look for an email.
	// 200 Stored: true
	// 403 This link does not work any more.
}
