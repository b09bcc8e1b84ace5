package flow_test

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// With all metadata, the authorization URL is https or on a loopback address, and the
// issuer is the configured one.
func FuzzDiscovery(f *testing.F) {
	good := string(must(json.Marshal(newIDP().metadata)))
	for _, seed := range []string{
		good, ``, `null`, `{}`, `[]`, `{"issuer":"https://idp.example"}`,
		`{"issuer":"https://idp.example","authorization_endpoint":"javascript:alert(1)","token_endpoint":"https://idp.example/t","jwks_uri":"https://idp.example/j"}`,
		`{"issuer":"https://idp.example","authorization_endpoint":"https://[::1]%25","token_endpoint":"//x","jwks_uri":"http://127.1/"}`,
		`{"issuer":"https://idp.example","authorization_endpoint":"https://idp.example/a?client_id=x","token_endpoint":"https://idp.example/t","jwks_uri":"https://idp.example/j"}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, document string) {
		i := newIDP()
		i.handlers[metadataPath] = serve(document)
		address, check, err := i.flow(i.oidc()).Start(context.Background(), redirectURI, nil)
		if err != nil {
			wantCode(t, err, "OAuthSignin")
			return
		}
		var metadata struct {
			Issuer string `json:"issuer"`
		}
		if err := json.Unmarshal([]byte(document), &metadata); err != nil || metadata.Issuer != issuer {
			t.Fatalf("accepted the metadata of %q, %v", metadata.Issuer, err)
		}
		u, err := url.Parse(address)
		if err != nil || u.Host == "" || u.Fragment != "" {
			t.Fatalf("the authorization URL is %q: %v", address, err)
		}
		if u.Scheme != "https" && u.Hostname() != "localhost" && !net.ParseIP(u.Hostname()).IsLoopback() {
			t.Fatalf("the authorization URL is not https: %q", address)
		}
		if got := u.Query()["state"]; len(got) == 0 || got[len(got)-1] != check.State {
			t.Fatalf("the state is not at the end of %q", address)
		}
	})
}

// With all responses of a token endpoint, an account is of this provider, and
// marshalling loses no member.
func FuzzTokenResponse(f *testing.F) {
	for _, seed := range []string{
		`{"access_token":"at","token_type":"Bearer"}`, ``, `null`, `[]`, `{`, `{"access_token":1}`,
		`{"access_token":"at","token_type":"bearer","expires_in":"3600","scope":["a"],"x":9007199254740993}`,
		`{"access_token":"at","token_type":"bearer","expires_in":1e99,"expires_at":-1,"provider":"x","type":{}}`,
		`{"access_token":"at","token_type":"bearer","error":"invalid_grant"}`,
		"access_token=at&token_type=bearer",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		i := newIDP()
		i.handlers[tokenPath] = serve(body)
		i.handlers[userinfoPath] = serve(`{"id":1}`)
		flow := i.flow(i.oauth2())
		check, params := startParams(flow)
		result, err := flow.Finish(context.Background(), check, redirectURI, params)
		if err != nil {
			wantCode(t, err, "OAuthCallback")
			return
		}
		a := result.Account
		if a.Provider != "idp" || a.ProviderAccountID != "1" || a.AccessToken == "" || a.ExpiresAt < 0 {
			t.Fatalf("account %+v", a)
		}
		written, err := json.Marshal(a)
		if err != nil {
			t.Fatalf("the account can't be written: %v", err)
		}
		var sent map[string]jsontext.Value
		var kept struct {
			Extra map[string]jsontext.Value `json:"extra"`
		}
		if json.Unmarshal([]byte(body), &sent) != nil || json.Unmarshal(written, &kept) != nil {
			t.Fatalf("%q became %s", body, written)
		}
		for name, value := range sent {
			switch name {
			case "access_token", "token_type", "refresh_token", "id_token", "scope", "expires_in", "expires_at",
				"provider", "type", "providerAccountId":
				continue
			}
			want, got := value.Clone(), kept.Extra[name].Clone()
			if want.Compact() != nil || got.Compact() != nil || string(want) != string(got) {
				t.Fatalf("member %q was %s and is %s", name, value, kept.Extra[name])
			}
		}
	})
}

// With all signed payloads, a sign-in requires the issuer, the client, a subject and
// the nonce.
func FuzzIDToken(f *testing.F) {
	for _, seed := range []string{
		`{"iss":"https://idp.example","aud":"the client","sub":"a","iat":1795420000,"exp":1795420600,"nonce":"NONCE"}`,
		`{"iss":"https://idp.example","aud":["the client","b"],"azp":"the client","sub":"a","iat":1,"exp":1e99,"nbf":0,"nonce":"NONCE"}`,
		``, `null`, `{}`, `[]`, `{"aud":{}}`, `{"exp":"1"}`,
	} {
		f.Add(seed)
	}
	i := newIDP()
	i.handlers[tokenPath] = func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, i.tokens()) }
	flow := i.flow(i.oidc(fromIDToken))
	f.Fuzz(func(t *testing.T, payload string) {
		i.requests = nil
		i.answer["id_token"] = i.sign(payload)
		check, params := startParams(flow)
		check.Nonce = "NONCE"
		result, err := flow.Finish(context.Background(), check, redirectURI, params)
		if err != nil {
			wantCode(t, err, "OAuthCallback")
			return
		}
		var claims struct {
			Issuer  string         `json:"iss"`
			Subject string         `json:"sub"`
			Nonce   string         `json:"nonce"`
			Expiry  jsontext.Value `json:"exp"`
		}
		if err := json.Unmarshal([]byte(payload), &claims); err != nil {
			t.Fatalf("accepted %q: %v", payload, err)
		}
		if claims.Issuer != issuer || claims.Nonce != "NONCE" || claims.Subject == "" || result.User.ID != claims.Subject || claims.Expiry.Kind() != '0' {
			t.Fatalf("accepted %q", payload)
		}
	})
}

// With all signed payloads, a logout token requires the issuer, an ID, the event, and
// a subject or a session. Without a signature there is none.
func FuzzLogoutToken(f *testing.F) {
	for _, seed := range []string{
		`{"iss":"https://idp.example","aud":"the client","sub":"a","sid":"b","iat":1795420000,"exp":1795420120,"jti":"j","events":{"http://schemas.openid.net/event/backchannel-logout":{}}}`,
		`{"iss":"https://idp.example","aud":["the client"],"sid":"b","iat":1795419990.5,"exp":1e99,"jti":"j","events":{"http://schemas.openid.net/event/backchannel-logout":{"a":[]}}}`,
		`{"iss":"https://idp.example","aud":"the client","sub":"a","iat":1795420000,"exp":1795420600,"nonce":"NONCE"}`,
		``, `null`, `{}`, `[]`, `{"events":[]}`, `{"iat":-1e99}`, `a.b.c`,
	} {
		f.Add("logout+jwt", seed)
	}
	f.Add("JWT", `{}`)
	i := newIDP()
	flow := i.flow(i.oidc())
	f.Fuzz(func(t *testing.T, typ, payload string) {
		if !utf8.ValidString(typ) {
			return // can't be part of JSON
		}
		i.requests = nil
		token, err := flow.VerifyLogoutToken(context.Background(), payload)
		wantNoLogout(t, token, err)

		i.header["typ"] = typ
		token, err = flow.VerifyLogoutToken(context.Background(), i.sign(payload))
		if err != nil {
			wantNoLogout(t, token, err)
			return
		}
		var claims struct {
			Issuer  string                    `json:"iss"`
			Subject string                    `json:"sub"`
			Session string                    `json:"sid"`
			ID      string                    `json:"jti"`
			Nonce   jsontext.Value            `json:"nonce"`
			Events  map[string]jsontext.Value `json:"events"`
		}
		if err := json.Unmarshal([]byte(payload), &claims); err != nil {
			t.Fatalf("accepted %q: %v", payload, err)
		}
		if claims.Issuer != issuer || claims.Nonce != nil || claims.Events[logoutEvent].Kind() != '{' || claims.ID == "" || claims.Subject+claims.Session == "" {
			t.Fatalf("accepted %q", payload)
		}
		if token.Subject != claims.Subject || token.Session != claims.Session || token.ID != claims.ID {
			t.Fatalf("%q became %+v", payload, token)
		}
		if lasts := token.ExpiresAt.Sub(now); lasts <= 0 || lasts > 15*time.Minute {
			t.Fatalf("%q expires after %v", payload, lasts)
		}
	})
}
