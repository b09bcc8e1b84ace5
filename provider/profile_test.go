package provider_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/nuxtauth/nuxtauth/provider"
)

// profileOf returns the Profile function of p.
func profileOf(p provider.Provider) func(context.Context, provider.ProfileRequest) (*provider.User, error) {
	if p.Profile != nil {
		return p.Profile
	}
	return provider.DefaultProfile
}

func request(profile string) provider.ProfileRequest {
	return provider.ProfileRequest{Profile: provider.Profile(profile), Account: &provider.Account{AccessToken: "at"}}
}

func TestProfile_Catalogue(t *testing.T) {
	discordImage := "https://cdn.discordapp.com/"
	for name, tt := range map[string]struct {
		id, profile string
		want        provider.User
	}{
		"GitHub": {"github", `{"id":583231,"login":"octocat","name":"The Octocat","email":"Octo@GitHub.com","avatar_url":"https://a.example/1"}`,
			provider.User{ID: "583231", Name: "The Octocat", Email: "octo@github.com", Image: "https://a.example/1"}},
		"GitHub without a name":    {"github", `{"id":1,"login":"octocat","name":null,"email":"a@b.c"}`, provider.User{ID: "1", Name: "octocat", Email: "a@b.c"}},
		"Google":                   {"google", `{"sub":"110169484474386276334","name":"Ada","email":"ada@example.com","picture":"https://a.example/p"}`, provider.User{ID: "110169484474386276334", Name: "Ada", Email: "ada@example.com", Image: "https://a.example/p"}},
		"GitLab":                   {"gitlab", `{"id":9007199254740993,"username":"ada","email":"ada@example.com","avatar_url":"http://a.example/p"}`, provider.User{ID: "9007199254740993", Name: "ada", Email: "ada@example.com", Image: "http://a.example/p"}},
		"GitLab with a sub":        {"gitlab", `{"sub":"7","id":8,"name":"Ada"}`, provider.User{ID: "7", Name: "Ada"}},
		"Discord":                  {"discord", `{"id":"80351110224678912","username":"nelly","global_name":null,"discriminator":"0","avatar":"8342","email":"n@x.example"}`, provider.User{ID: "80351110224678912", Name: "nelly", Email: "n@x.example", Image: discordImage + "avatars/80351110224678912/8342.png"}},
		"Discord, animated":        {"discord", `{"id":"1","global_name":"Nelly","username":"n","avatar":"a_8342"}`, provider.User{ID: "1", Name: "Nelly", Image: discordImage + "avatars/1/a_8342.gif"}},
		"Discord, no picture":      {"discord", `{"id":"80351110224678912","username":"n","discriminator":"0","avatar":null}`, provider.User{ID: "80351110224678912", Name: "n", Image: discordImage + "embed/avatars/5.png"}},
		"Discord, old name":        {"discord", `{"id":"80351110224678912","username":"n","discriminator":"1337","avatar":null}`, provider.User{ID: "80351110224678912", Name: "n", Image: discordImage + "embed/avatars/2.png"}},
		"Discord, unverified":      {"discord", `{"id":"1","username":"n","avatar":"x","email":"victim@example.com","verified":false}`, provider.User{ID: "1", Name: "n", Image: discordImage + "avatars/1/x.png"}},
		"Discord, path in picture": {"discord", `{"id":"1","username":"n","avatar":"../../evil?x"}`, provider.User{ID: "1", Name: "n", Image: discordImage + "avatars/1/..%2F..%2Fevil%3Fx.png"}},
		"Entra":                    {"microsoft-entra-id", `{"sub":"AAAA","name":"Ada","email":"Ada@Contoso.com","picture":"https://graph.microsoft.com/v1.0/me/photo/$value"}`, provider.User{ID: "AAAA", Name: "Ada", Email: "ada@contoso.com"}},
		"Keycloak":                 {"keycloak", `{"sub":"f1","preferred_username":"ada"}`, provider.User{ID: "f1", Name: "ada"}},
		"Auth0":                    {"auth0", `{"sub":"auth0|1","nickname":"ada","preferred_username":"x"}`, provider.User{ID: "auth0|1", Name: "ada"}},
		"Okta":                     {"okta", `{"sub":"00u1","name":"Ada"}`, provider.User{ID: "00u1", Name: "Ada"}},
		"Apple":                    {"apple", `{"sub":"000.a","email":"x@privaterelay.appleid.com"}`, provider.User{ID: "000.a", Name: "x@privaterelay.appleid.com", Email: "x@privaterelay.appleid.com"}},
		"id, not sub":              {"okta", `{"id":-12}`, provider.User{ID: "-12"}},
		"null sub, then id":        {"okta", `{"sub":null,"id":12}`, provider.User{ID: "12"}},
		"name of a wrong type":     {"okta", `{"sub":"1","name":{"first":"Ada"},"nickname":"ada","email":["a"],"picture":1}`, provider.User{ID: "1", Name: "ada"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := profileOf(catalogue[tt.id]())(context.Background(), request(tt.profile))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(&tt.want, got); diff != "" {
				t.Errorf("user (-want +got):\n%s", diff)
			}
		})
	}
}

// With one ID for all users of a provider, all of them would share the first user's
// account (CVE-2026-42560).
func TestProfile_WithoutID(t *testing.T) {
	for id, constructor := range catalogue {
		profile := profileOf(constructor())
		for _, body := range []string{
			``, `{}`, `null`, `[]`, `"x"`, `{"id":null,"sub":null}`, `{"id":"","sub":""}`, `{"id":{},"sub":{}}`, `{"id":[1],"sub":[1]}`,
			`{"id":true,"sub":true}`, `{"id":1.5,"sub":1.5}`, `{"id":1e9,"sub":1e9}`, `{"name":"x","email":"a@b.c"}`,
			`{"id":"a\u0000b","sub":"a\u0000b"}`, `{"id":"` + strings.Repeat("a", 257) + `","sub":"` + strings.Repeat("a", 257) + `"}`,
		} {
			if user, err := profile(context.Background(), request(body)); err == nil {
				t.Errorf("%s: user %+v from %.40s", id, user, body)
			}
		}
		ids := map[string]bool{}
		for _, body := range []string{`{"id":"1","sub":"1"}`, `{"id":"2","sub":"2"}`, `{"id":9007199254740992,"sub":9007199254740992}`, `{"id":9007199254740993,"sub":9007199254740993}`} {
			user, err := profile(context.Background(), request(body))
			if err != nil {
				t.Errorf("%s: %v", id, err)
				continue
			}
			ids[user.ID] = true
		}
		if len(ids) != 4 {
			t.Errorf("%s: four users have the IDs %v", id, ids)
		}
	}
}

// The access token of one server is not sent to another.
func TestGitHub_EmailURL(t *testing.T) {
	for userinfoURL, want := range map[string]string{
		"https://api.github.com/user":          "https://api.github.com/user/emails?per_page=100",
		"https://ghe.example/api/v3/user":      "https://ghe.example/api/v3/user/emails?per_page=100",
		"https://ghe.example/api/v3/user/?a=b": "https://ghe.example/api/v3/user/emails?per_page=100",
		"":                                     "",
	} {
		r := request(`{"id":1,"login":"ada"}`)
		r.UserinfoURL = userinfoURL
		var asked string
		r.Get = func(_ context.Context, url string) ([]byte, error) {
			asked = url
			return []byte(`[{"email":"Ada@Example.com","primary":true,"verified":true}]`), nil
		}
		user, err := provider.GitHub().Profile(context.Background(), r)
		if err != nil || asked != want || (user.Email == "ada@example.com") != (want != "") {
			t.Errorf("%q: request for %q, want %q; user %+v, %v", userinfoURL, asked, want, user, err)
		}
	}
}

func TestGitHub_CanceledEmailRequest(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	r := request(`{"id":1,"login":"ada"}`)
	r.UserinfoURL = "https://api.github.com/user"
	r.Get = func(context.Context, string) ([]byte, error) {
		cancel()
		return nil, context.Canceled
	}
	if _, err := provider.GitHub().Profile(ctx, r); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestProfile_OwnFunction(t *testing.T) {
	own := errors.New("own")
	for id, constructor := range catalogue {
		p := constructor(func(p *provider.Provider) {
			p.Profile = func(context.Context, provider.ProfileRequest) (*provider.User, error) { return nil, own }
		})
		if _, err := p.Profile(context.Background(), request(`{}`)); err != own {
			t.Errorf("%s replaces the application's Profile function", id)
		}
	}
}

func TestUser_Normalize(t *testing.T) {
	for name, tt := range map[string]struct{ in, want provider.User }{
		"e-mail":                {provider.User{ID: "1", Email: " Ada@EXAMPLE.com "}, provider.User{ID: "1", Email: "ada@example.com"}},
		"e-mail, other letters": {provider.User{ID: "1", Email: "\u212aATE@EXAMPLE.com"}, provider.User{ID: "1", Email: "\u212aate@example.com"}}, // the Kelvin sign is no K
		"e-mail, longest":       {provider.User{ID: "1", Email: strings.Repeat("a", 308) + "@example.com"}, provider.User{ID: "1", Email: strings.Repeat("a", 308) + "@example.com"}},
		"e-mail, too long":      {provider.User{ID: "1", Email: strings.Repeat("a", 309) + "@example.com"}, provider.User{ID: "1"}},
		"e-mail, line break":    {provider.User{ID: "1", Email: "a@b.c\r\nbcc: x"}, provider.User{ID: "1"}},
		"e-mail, not UTF-8":     {provider.User{ID: "1", Email: "a\xff@b.c"}, provider.User{ID: "1"}},
		"name, too long":        {provider.User{ID: "1", Name: strings.Repeat("é", 200)}, provider.User{ID: "1", Name: strings.Repeat("é", 128)}},
		"name, controls":        {provider.User{ID: "1", Name: "A\x00d\r\na"}, provider.User{ID: "1", Name: "Ada"}},
		"name, not UTF-8":       {provider.User{ID: "1", Name: "Ada\xff"}, provider.User{ID: "1", Name: "Ada"}},
		"image, longest":        {provider.User{ID: "1", Image: "https://a.example/" + strings.Repeat("a", 2030)}, provider.User{ID: "1", Image: "https://a.example/" + strings.Repeat("a", 2030)}},
		"image, too long":       {provider.User{ID: "1", Image: "https://a.example/" + strings.Repeat("a", 2031)}, provider.User{ID: "1"}},
		"image, script":         {provider.User{ID: "1", Image: "javascript:alert(1)"}, provider.User{ID: "1"}},
		"image, data":           {provider.User{ID: "1", Image: "data:image/png;base64,AAAA"}, provider.User{ID: "1"}},
		"image, relative":       {provider.User{ID: "1", Image: "/p.png"}, provider.User{ID: "1"}},
		"image, without scheme": {provider.User{ID: "1", Image: "//evil.example/p.png"}, provider.User{ID: "1"}},
		"longest id":            {provider.User{ID: strings.Repeat("a", 256)}, provider.User{ID: strings.Repeat("a", 256)}},
		"token is kept":         {provider.User{ID: "1", AccessToken: "t"}, provider.User{ID: "1", AccessToken: "t"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := tt.in
			if err := got.Normalize(); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("user (-want +got):\n%s", diff)
			}
		})
	}
	for name, id := range map[string]string{"empty": "", "too long": strings.Repeat("a", 257), "control": "a\nb", "not UTF-8": "\xff"} {
		if err := (&provider.User{ID: id}).Normalize(); err == nil {
			t.Errorf("an id that is %s is accepted", name)
		}
	}
}

func TestProfile_DecodeEmpty(t *testing.T) {
	v := struct{ Name string }{"Ada"}
	if err := provider.Profile(nil).Decode(&v); err != nil || v.Name != "Ada" {
		t.Errorf("%+v, %v", v, err)
	}
}

// Every user that a profile yields has an ID and is within the limits of a session.
func FuzzProfile(f *testing.F) {
	for _, seed := range []string{
		`{"sub":"1","name":"Ada","email":"A@B.C","picture":"https://a.example"}`, `{"id":9007199254740993}`, `{"id":-0}`, `{"id":1e5}`,
		``, `null`, `{}`, `[]`, `{"sub":""}`, `{"sub":"\u0000"}`, `{"sub":1,"name":"\ud83d\ude00"}`, `{"sub":"1","sub":"2"}`, `{"sub":"1","picture":"https://%zz"}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, profile string) {
		for _, constructor := range catalogue {
			p := constructor()
			user, err := profileOf(p)(context.Background(), request(profile))
			if err != nil {
				continue
			}
			if user.ID == "" || len(user.ID) > 256 || len(user.Name) > 256 || len(user.Email) > 320 || len(user.Image) > 2048 {
				t.Fatalf("%s: user %+v", p.ID, user)
			}
			if !utf8.ValidString(user.ID + user.Name + user.Email + user.Image) {
				t.Fatalf("%s: not UTF-8: %+v", p.ID, user)
			}
			if user.Image != "" && !strings.HasPrefix(strings.ToLower(user.Image), "http") {
				t.Fatalf("%s: image %q", p.ID, user.Image)
			}
			again := *user
			if err := again.Normalize(); err != nil || again.ID != user.ID || again.Name != user.Name || again.Email != user.Email || again.Image != user.Image {
				t.Fatalf("%s: Normalize changes its own result: %+v, %+v, %v", p.ID, user, again, err)
			}
		}
	})
}
