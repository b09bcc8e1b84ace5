package api_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/nuxtauth/nuxtauth/internal/apptest"
)

func TestBody_HostileGetsClearAnswer(t *testing.T) {
	a := apptest.New(t)
	csrf := a.CSRF()
	for name, tt := range map[string]struct {
		contentType, body string
		status            int
	}{
		"broken JSON":     {"application/json", `{"csrfToken":`, 400},
		"JSON array":      {"application/json", `["csrfToken"]`, 400},
		"JSON string":     {"application/json", `"x"`, 400},
		"duplicate names": {"application/json", `{"a":1,"a":2}`, 400},
		"bad escape":      {apptest.FormType, "a=%zz", 400},
		"too large form":  {apptest.FormType, "a=" + strings.Repeat("x", 70<<10), 413},
		"too large JSON":  {"application/json", `{"a":"` + strings.Repeat("x", 70<<10) + `"}`, 413},
		"deep JSON":       {"application/json", strings.Repeat(`{"a":`, 20_000), 400},
		"objects":         {"application/json", `{"csrfToken":{"a":1},"username":["x"],"callbackUrl":7,"json":{}}`, 302},
		"no type":         {"", "csrfToken=" + csrf, 302},
		"odd type":        {";;;", "csrfToken=" + csrf, 302},
	} {
		res := a.Do(a.Request("POST", "/api/auth/callback/credentials", tt.contentType, tt.body))
		if res.StatusCode != tt.status {
			t.Errorf("%s: %d %s", name, res.StatusCode, res.Text)
		}
	}
	if res := a.Do(a.Request("POST", "/api/auth/signout", "text/plain", strings.Repeat("x", 1<<20))); res.StatusCode >= 500 {
		t.Errorf("a large body of no type: %d", res.StatusCode)
	}
}

func TestBody_MissingIsNoPanic(t *testing.T) {
	r := apptest.NewRouter(apptest.NewAuth(t))
	req, err := http.NewRequest("POST", "/api/auth/signout", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	rec := httptest.NewRecorder()
	r.ServeHTTP(rec, req)
	if rec.Code != http.StatusFound {
		t.Errorf("got %d", rec.Code)
	}
}
