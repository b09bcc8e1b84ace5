package nuxtauth_test

import (
	"context"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"regexp"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/provider"
)

// A sign-in page of the application, at Config.Pages.SignIn.
func ExampleAuth_SignInForm() {
	login := template.Must(template.New("login").Parse(`<h1>Welcome</h1>
{{with .Message}}<p role="alert">{{.}}</p>
{{end}}{{range .Providers}}<form method="post" action="{{.Action}}">
<input type="hidden" name="csrfToken" value="{{$.CSRFToken}}">
<input type="hidden" name="callbackUrl" value="{{$.CallbackURL}}">
{{range .Fields}}<label>{{.Label}} <input name="{{.Name}}" type="{{.Type}}" autocomplete="{{.Autocomplete}}"></label>
{{end}}<button>Continue with {{.Name}}</button>
</form>
{{end}}`))

	check := func(context.Context, url.Values) (*provider.User, error) { return nil, nil }
	auth, r := newApp(nuxtauth.Config[Token, Session]{
		Pages: nuxtauth.Pages{SignIn: "/login"},
		Providers: []provider.Provider{
			provider.GitHub(func(p *provider.Provider) { p.ClientID, p.ClientSecret = "id", "a secret of GitHub" }),
			provider.Credentials(check, provider.Field{Name: "email"}, provider.Field{Name: "password"}),
		},
	})
	r.GET("/login", func(c *gin.Context) {
		form, err := auth.SignInForm(c)
		if err != nil {
			c.String(http.StatusBadRequest, "This page can't be shown.")
			return
		}
		c.Status(http.StatusOK)
		_ = login.Execute(c.Writer, form)
	})

	page := (&frontEnd{app: r}).get("/login?callbackUrl=/orders&error=CredentialsSignin")
	fmt.Println(regexp.MustCompile(`[0-9a-f]{64}`).ReplaceAllString(page, "…"))
	// Output:
	// 200 <h1>Welcome</h1>
	// <p role="alert">Those details don&#39;t match an account. Check them and try again.</p>
	// <form method="post" action="http://localhost:3000/api/auth/signin/github">
	// <input type="hidden" name="csrfToken" value="…">
	// <input type="hidden" name="callbackUrl" value="http://localhost:3000/orders">
	// <button>Continue with GitHub</button>
	// </form>
	// <form method="post" action="http://localhost:3000/api/auth/callback/credentials">
	// <input type="hidden" name="csrfToken" value="…">
	// <input type="hidden" name="callbackUrl" value="http://localhost:3000/orders">
	// <label>Email <input name="email" type="email" autocomplete="username"></label>
	// <label>Password <input name="password" type="password" autocomplete="current-password"></label>
	// <button>Continue with Credentials</button>
	// </form>
}
