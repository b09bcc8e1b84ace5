package updates

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/authtest"
)

func TestUpdates(t *testing.T) {
	auth, err := nuxtauth.New(config)
	if err != nil {
		t.Fatal(err)
	}
	router := gin.New()
	router.Use(auth.Middleware())
	router.POST("/theme", auth.Require(), changeTheme(auth))

	serve := func(r *http.Request) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		router.ServeHTTP(w, r)
		return w
	}
	ada := &Token{DefaultJWT: nuxtauth.DefaultJWT{Subject: "1"}}
	for theme, want := range map[string]int{"dark": http.StatusOK, "pink": http.StatusUnprocessableEntity} {
		r := authtest.Request(t, auth, ada, "POST", config.URL+"/theme", strings.NewReader(url.Values{"theme": {theme}}.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if w := serve(r); w.Code != want || want == http.StatusOK && !strings.Contains(w.Body.String(), `"theme":"dark"`) {
			t.Errorf("handler, %s: %d %s", theme, w.Code, w.Body)
		}
	}

	for data, want := range map[string]string{`{"theme":"dark"}`: "dark", `{"theme":"pink"}`: "", `{"sub":"2"}`: "", `7`: ""} {
		w := serve(authtest.Request(t, auth, ada, "GET", config.URL+"/api/auth/csrf", nil))
		var csrf struct{ CSRFToken string }
		if err := json.Unmarshal(w.Body.Bytes(), &csrf); err != nil {
			t.Fatal(err)
		}
		r := authtest.Request(t, auth, ada, "POST", config.URL+"/api/auth/session", strings.NewReader(`{"csrfToken":"`+csrf.CSRFToken+`","data":`+data+`}`))
		r.Header.Set("Content-Type", "application/json")
		for _, c := range w.Result().Cookies() {
			r.AddCookie(c)
		}
		var s Session
		if w := serve(r); w.Code != http.StatusOK {
			t.Errorf("front end, %s: %d %s", data, w.Code, w.Body)
		} else if err := json.Unmarshal(w.Body.Bytes(), &s); err != nil || s.User.Theme != want {
			t.Errorf("front end, %s: %s, %v", data, w.Body, err)
		}
	}
}
