package clientip_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/provider"
	"github.com/nuxtauth/nuxtauth/store"
)

func TestClientIP_TrustsOnlyProxies(t *testing.T) {
	trusting := func(proxies ...string) func(*gin.Engine) {
		return func(r *gin.Engine) {
			if err := r.SetTrustedProxies(proxies); err != nil {
				t.Fatal(err)
			}
		}
	}
	defaults := func(*gin.Engine) {}
	for name, tt := range map[string]struct {
		engine    func(*gin.Engine)
		remote    string
		forwarded []string
		want      string
	}{
		"from the internet, forged header":           {defaults, "203.0.113.5:1234", []string{"198.51.100.1"}, "203.0.113.5"},
		"behind a proxy that gin does not know":      {defaults, "10.0.0.1:1234", []string{"198.51.100.1"}, "198.51.100.1"},
		"the same, with a forged beginning":          {defaults, "10.0.0.1:1234", []string{"6.6.6.6, 198.51.100.1"}, "198.51.100.1"},
		"the same, with a forged line":               {defaults, "10.0.0.1:1234", []string{"6.6.6.6", "198.51.100.1"}, "198.51.100.1"},
		"the same, with garbage":                     {defaults, "10.0.0.1:1234", []string{"<script>"}, "10.0.0.1"},
		"the same, without a header":                 {defaults, "127.0.0.1:1234", nil, "127.0.0.1"},
		"on a Unix socket":                           {defaults, "@", []string{"198.51.100.1"}, "198.51.100.1"},
		"gin trusts no proxy":                        {trusting(), "10.0.0.1:1234", []string{"198.51.100.1"}, "10.0.0.1"},
		"gin knows the proxy":                        {trusting("203.0.113.0/24"), "203.0.113.5:1234", []string{"6.6.6.6, 198.51.100.1"}, "198.51.100.1"},
		"gin knows another proxy":                    {trusting("203.0.113.0/24"), "10.0.0.1:1234", []string{"198.51.100.1"}, "10.0.0.1"},
		"IPv6 behind a proxy that gin does not know": {defaults, "[fd00::1]:1234", []string{"2001:db8::7"}, "2001:db8::7"},
	} {
		t.Run(name, func(t *testing.T) {
			auth, err := nuxtauth.New(apptest.Config{
				Secret: apptest.Secret, URL: "http://localhost", Providers: []provider.Provider{provider.Credentials(apptest.Authorize)},
				Session: nuxtauth.SessionConfig{Store: store.NewMemory(store.MemoryOptions{})},
			})
			if err != nil {
				t.Fatal(err)
			}
			r := apptest.NewRouter(auth)
			tt.engine(r)
			send := func(method, path, body string, cookies []*http.Cookie) *httptest.ResponseRecorder {
				req, w := apptest.NewRequest(method, "http://localhost"+path, cookies)
				req.Body, req.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
				req.Header.Set("Content-Type", apptest.FormType)
				req.Header["X-Forwarded-For"] = tt.forwarded
				req.RemoteAddr = tt.remote
				r.ServeHTTP(w, req)
				return w
			}
			w := send("GET", "/api/auth/csrf", "", nil)
			csrf := strings.Split(w.Body.String(), `"`)[3]
			form := url.Values{"username": {"ada"}, "password": {"lovelace"}, "csrfToken": {csrf}}
			send("POST", "/api/auth/callback/credentials", form.Encode(), w.Result().Cookies())
			list, err := auth.ListSessions(t.Context(), "1")
			if err != nil || len(list) != 1 || list[0].IP != tt.want {
				t.Errorf("sessions %+v, %v, want one from %s", list, err, tt.want)
			}
		})
	}
}
