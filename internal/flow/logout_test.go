package flow_test

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"maps"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/golang-jwt/jwt/v5"

	"github.com/nuxtauth/nuxtauth/authtest"
	"github.com/nuxtauth/nuxtauth/authtest/hostile"
	"github.com/nuxtauth/nuxtauth/internal/flow"
)

const logoutEvent = "http://schemas.openid.net/event/backchannel-logout"

// logoutToken returns a logout token that is valid except for the changes.
func (i *idp) logoutToken(changes object) string {
	claims := object{
		"iss": i.issuer, "aud": clientID, "iat": now.Unix(), "exp": now.Add(2 * time.Minute).Unix(), "jti": "j1",
		"sub": "user-1", "sid": "s1", "events": object{logoutEvent: object{}},
	}
	maps.Copy(claims, changes)
	maps.DeleteFunc(claims, func(_ string, v any) bool { return v == nil })
	return i.sign(string(must(json.Marshal(claims))))
}

// wantNoLogout checks that a logout token was rejected.
func wantNoLogout(t testing.TB, token *flow.LogoutToken, err error) {
	t.Helper()
	if token != nil || err == nil {
		t.Fatalf("accepted as %+v, %v", token, err)
	}
	if !strings.HasPrefix(err.Error(), `provider "idp": logout token: `) {
		t.Errorf("the error has another prefix: %v", err)
	}
	wantLoggable(t, err)
}

// The module oidcc-client-test-rp-backchannel-rpinitlogout of the OpenID conformance
// suite has seven variants. Those about claims are here, with the suite's names, the
// others in TestLogoutToken_Signature.
func TestLogoutToken_Claims(t *testing.T) {
	unix := now.Unix()
	for name, tt := range map[string]struct {
		claims object
		ok     bool
	}{
		"rpinitlogout":             {object{}, true},
		"sub alone":                {object{"sid": nil}, true},
		"sid alone":                {object{"sub": nil}, true},
		"audience in an array":     {object{"aud": []string{clientID}}, true},
		"two audiences and azp":    {object{"aud": []string{clientID, "other"}, "azp": clientID}, true},
		"another event beside it":  {object{"events": object{logoutEvent: object{}, "urn:example:event": object{}}}, true},
		"event with members":       {object{"events": object{logoutEvent: object{"a": 1}}}, true},
		"expired within the skew":  {object{"exp": unix - 60}, true},
		"issued within the skew":   {object{"iat": unix + 60}, true},
		"ten minutes old":          {object{"iat": unix - 660}, true},
		"no-event":                 {object{"events": nil}, false},
		"wrong-event":              {object{"events": object{"http://schemas.openid.net/event/backchannel-logout2": object{}}}, false},
		"with-nonce":               {object{"nonce": "n"}, false},
		"wrong-aud":                {object{"aud": "other"}, false},
		"wrong-iss":                {object{"iss": "https://evil.example"}, false},
		"empty nonce":              {object{"nonce": ""}, false},
		"null nonce":               {object{"nonce": null}, false},
		"events is a string":       {object{"events": logoutEvent}, false},
		"events is an array":       {object{"events": []string{logoutEvent}}, false},
		"events is null":           {object{"events": null}, false},
		"event is a string":        {object{"events": object{logoutEvent: ""}}, false},
		"event is null":            {object{"events": object{logoutEvent: null}}, false},
		"event is an array":        {object{"events": object{logoutEvent: []int{}}}, false},
		"no issuer":                {object{"iss": nil}, false},
		"issuer with a slash":      {object{"iss": issuer + "/"}, false},
		"no audience":              {object{"aud": nil}, false},
		"two audiences, no azp":    {object{"aud": []string{clientID, "other"}}, false},
		"azp is another":           {object{"azp": "other"}, false},
		"no exp":                   {object{"exp": nil}, false},
		"expired":                  {object{"exp": unix - 61}, false},
		"exp is a string":          {object{"exp": "9999999999"}, false},
		"no iat":                   {object{"iat": nil}, false},
		"issued in the future":     {object{"iat": unix + 61}, false},
		"older than ten minutes":   {object{"iat": unix - 661}, false},
		"not yet valid":            {object{"nbf": unix + 61}, false},
		"no jti":                   {object{"jti": nil}, false},
		"empty jti":                {object{"jti": ""}, false},
		"jti is a number":          {object{"jti": 1}, false},
		"neither sub nor sid":      {object{"sub": nil, "sid": nil}, false},
		"both empty":               {object{"sub": "", "sid": ""}, false},
		"sub is empty, no sid":     {object{"sub": "", "sid": nil}, false},
		"sub is a number":          {object{"sub": 1}, false},
		"sid is a number, sub":     {object{"sid": 1}, false},
		"sid is empty, sub":        {object{"sid": ""}, false},
		"sid is null, sub":         {object{"sid": null}, false},
		"all sessions in an array": {object{"sid": []string{"s1"}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			i := newIDP()
			i.header["typ"] = "logout+jwt"
			token, err := i.flow(i.oidc()).VerifyLogoutToken(context.Background(), i.logoutToken(tt.claims))
			if !tt.ok {
				wantNoLogout(t, token, err)
				return
			}
			if err != nil {
				t.Fatalf("rejected: %v", err)
			}
			sub, _ := tt.claims["sub"].(string)
			sid, _ := tt.claims["sid"].(string)
			if _, ok := tt.claims["sub"]; !ok {
				sub = "user-1"
			}
			if _, ok := tt.claims["sid"]; !ok {
				sid = "s1"
			}
			if token.Subject != sub || token.Session != sid || token.ID != "j1" {
				t.Errorf("got %+v", token)
			}
		})
	}
}

func TestLogoutToken_Signature(t *testing.T) {
	publicPEM := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: must(x509.MarshalPKIXPublicKey(&ecKey().PublicKey))})
	for name, tt := range map[string]struct {
		method jwt.SigningMethod
		key    any
		header object
		ok     bool
	}{
		"ES256":                      {jwt.SigningMethodES256, ecKey(), object{"kid": "ec", "typ": "logout+jwt"}, true},
		"RS256":                      {jwt.SigningMethodRS256, rsaKey(), object{"kid": "rsa", "typ": "logout+jwt"}, true},
		"no kid":                     {jwt.SigningMethodES256, ecKey(), object{"typ": "logout+jwt"}, true},
		"no type":                    {jwt.SigningMethodES256, ecKey(), object{"kid": "ec", "typ": null}, true},
		"type JWT":                   {jwt.SigningMethodES256, ecKey(), object{"kid": "ec", "typ": "JWT"}, true},
		"type in another case":       {jwt.SigningMethodES256, ecKey(), object{"kid": "ec", "typ": "application/Logout+JWT"}, true},
		"alg-none":                   {jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, object{"typ": "logout+jwt"}, false},
		"alg None":                   {jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, object{"alg": "None"}, false},
		"wrong-alg":                  {jwt.SigningMethodHS256, []byte(secret), object{"typ": "logout+jwt"}, false},
		"HS256 with the public key":  {jwt.SigningMethodHS256, publicPEM, object{"kid": "ec"}, false},
		"another's key":              {jwt.SigningMethodES256, otherECKey(), object{"kid": "ec", "typ": "logout+jwt"}, false},
		"another's key, own jwk":     {jwt.SigningMethodES256, otherECKey(), object{"jwk": jwk("ec", &otherECKey().PublicKey)}, false},
		"unknown critical extension": {jwt.SigningMethodES256, ecKey(), object{"kid": "ec", "crit": []string{"x"}, "x": 1}, false},
		"type of an access token":    {jwt.SigningMethodES256, ecKey(), object{"kid": "ec", "typ": "at+jwt"}, false},
		"type is a number":           {jwt.SigningMethodES256, ecKey(), object{"kid": "ec", "typ": 1}, false},
	} {
		t.Run(name, func(t *testing.T) {
			i := newIDP()
			i.keys = []any{jwk("ec", &ecKey().PublicKey), jwk("rsa", &rsaKey().PublicKey)}
			i.method, i.key, i.header = tt.method, tt.key, tt.header
			token, err := i.flow(i.oidc()).VerifyLogoutToken(context.Background(), i.logoutToken(nil))
			if !tt.ok {
				wantNoLogout(t, token, err)
			} else if err != nil {
				t.Errorf("rejected: %v", err)
			}
		})
	}
}

func TestLogoutToken_Malformed(t *testing.T) {
	i := newIDP()
	f := i.flow(i.oidc())
	good := i.logoutToken(nil)
	if _, err := f.VerifyLogoutToken(context.Background(), good); err != nil {
		t.Fatal(err)
	}
	for name, raw := range map[string]string{
		"empty":         "",
		"garbage":       "x",
		"dots":          strings.Repeat(".", 60_000),
		"too long":      good + strings.Repeat("A", 64<<10),
		"no signature":  good[:strings.LastIndex(good, ".")+1],
		"payload, null": i.sign("null"),
		"a claim twice": i.sign(`{"sub":"a","sub":"b"}`),
		"not JSON":      i.sign("x"),
	} {
		t.Run(name, func(t *testing.T) {
			token, err := f.VerifyLogoutToken(context.Background(), raw)
			wantNoLogout(t, token, err)
		})
	}

	token, err := i.flow(i.oauth2()).VerifyLogoutToken(context.Background(), good)
	wantNoLogout(t, token, err)
}

// RFC 8725 §3.11: one kind of token must not be accepted as the other.
func TestLogoutToken_IsNoIDToken(t *testing.T) {
	i := newIDP()
	f := i.flow(i.oidc(fromIDToken))
	i.nonce = "n"
	token, err := f.VerifyLogoutToken(context.Background(), i.idToken())
	wantNoLogout(t, token, err)
	// The ID token of a refresh may have no nonce: the event alone tells them apart.
	token, err = f.VerifyLogoutToken(context.Background(), i.logoutToken(object{"events": nil}))
	wantNoLogout(t, token, err)

	check, params := i.start(t, f)
	i.answer["id_token"] = i.logoutToken(object{"nonce": i.nonce, "events": nil})
	if _, err := f.Finish(context.Background(), check, redirectURI, params); err != nil {
		t.Fatalf("an ID token with a jti is rejected: %v", err)
	}
	for name, change := range map[string]func(i *idp){
		"by its event": func(i *idp) { i.answer["id_token"] = i.logoutToken(object{"nonce": i.nonce}) },
		"by its type": func(i *idp) {
			i.header["typ"] = "logout+jwt"
			i.answer["id_token"] = i.logoutToken(object{"nonce": i.nonce, "events": nil})
		},
	} {
		t.Run(name, func(t *testing.T) {
			i := newIDP()
			f := i.flow(i.oidc(fromIDToken))
			check, params := i.start(t, f)
			change(i)
			_, err := f.Finish(context.Background(), check, redirectURI, params)
			wantCode(t, err, "OAuthCallback")
		})
	}
}

// A caller that stores the jti until ExpiresAt detects every replay.
func TestLogoutToken_ExpiresAt(t *testing.T) {
	for name, changes := range map[string]object{
		"two minutes":   {},
		"a year":        {"exp": now.Add(365 * 24 * time.Hour).Unix()},
		"no end":        {"exp": 1e300},
		"a fraction":    {"exp": float64(now.Unix()) + 30.5},
		"in the future": {"iat": now.Add(time.Minute).Unix(), "exp": 1e300},
		"just expired":  {"exp": now.Add(-time.Minute).Unix()},
	} {
		t.Run(name, func(t *testing.T) {
			i := newIDP()
			at := now
			f := flow.New(i.oidc(), flow.Config{HTTPClient: &http.Client{Transport: i}, Now: func() time.Time { return at }})
			raw := i.logoutToken(changes)
			token, err := f.VerifyLogoutToken(context.Background(), raw)
			if err != nil {
				t.Fatal(err)
			}
			if token.ExpiresAt.Nanosecond() != 0 {
				t.Errorf("expires at %v", token.ExpiresAt)
			}
			if lasts := token.ExpiresAt.Sub(now); lasts <= 0 || lasts > 15*time.Minute {
				t.Errorf("expires after %v", lasts)
			}
			at = token.ExpiresAt.Add(-time.Second)
			if _, err := f.VerifyLogoutToken(context.Background(), raw); err != nil {
				t.Errorf("a second before: %v", err)
			}
			at = token.ExpiresAt
			again, err := f.VerifyLogoutToken(context.Background(), raw)
			wantNoLogout(t, again, err)
		})
	}
}

// Every client can send logout tokens, which must not cause a request each.
func TestLogoutToken_ForgedCausesNoKeyRequest(t *testing.T) {
	i := newIDP()
	at := now
	f := flow.New(i.oidc(), flow.Config{HTTPClient: &http.Client{Transport: i}, Now: func() time.Time { return at }})
	if _, err := f.VerifyLogoutToken(context.Background(), i.logoutToken(nil)); err != nil {
		t.Fatal(err)
	}
	good := i.logoutToken(nil)
	i.key, i.header = otherECKey(), object{"kid": "new"}
	for range 20 {
		token, err := f.VerifyLogoutToken(context.Background(), i.logoutToken(nil))
		wantNoLogout(t, token, err)
	}
	if n := len(i.seen(keysPath)); n != 1 {
		t.Errorf("%d requests for the keys", n)
	}
	if _, err := f.VerifyLogoutToken(context.Background(), good); err != nil {
		t.Errorf("a valid token meanwhile: %v", err)
	}

	// A new key is fetched after the pause, and at a sign-in at once.
	i.keys = []any{jwk("new", &otherECKey().PublicKey)}
	at = now.Add(3 * time.Second)
	if _, err := f.VerifyLogoutToken(context.Background(), i.logoutToken(nil)); err != nil {
		t.Errorf("after the rotation: %v", err)
	}
	i.keys, i.key, i.header = []any{jwk("newer", &ecKey().PublicKey)}, ecKey(), object{"kid": "newer"}
	if _, err := i.signIn(t, f); err != nil {
		t.Errorf("sign-in after the rotation: %v", err)
	}
}

// Those that arrive during the request for the keys wait for it.
func TestLogoutToken_ConcurrentShareKeyRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newIDP()
		open := make(chan struct{})
		i.handlers[keysPath] = func(w http.ResponseWriter, _ *http.Request) {
			<-open
			writeJSON(w, object{"keys": i.keys})
		}
		f := i.flow(i.oidc())
		raw := i.logoutToken(nil)
		results := make(chan error, 10)
		send := func() {
			_, err := f.VerifyLogoutToken(context.Background(), raw)
			results <- err
		}
		go send()
		synctest.Wait()
		for range cap(results) - 1 {
			go send()
		}
		synctest.Wait()
		close(open)
		for range cap(results) {
			if err := <-results; err != nil {
				t.Error(err)
			}
		}
		if n := len(i.seen(keysPath)); n != 1 {
			t.Errorf("%d requests for the keys", n)
		}
	})
}

// What the claims show is not left to a signature, for which keys would be fetched.
func TestLogoutToken_WrongClaimsCauseNoRequest(t *testing.T) {
	for name, changes := range map[string]object{
		"another issuer":   {"iss": "https://evil.example"},
		"no issuer":        {"iss": nil},
		"another audience": {"aud": "another client"},
		"no audience":      {"aud": nil},
		"no events":        {"events": nil},
		"another event":    {"events": object{"x": object{}}},
		"a nonce":          {"nonce": "n"},
		"old":              {"iat": now.Add(-time.Hour).Unix()},
		"expired":          {"exp": now.Add(-time.Hour).Unix()},
		"no jti":           {"jti": nil},
	} {
		t.Run(name, func(t *testing.T) {
			i := newIDP()
			f := i.flow(i.oidc())
			token, err := f.VerifyLogoutToken(t.Context(), i.logoutToken(changes))
			wantNoLogout(t, token, err)
			if len(i.requests) != 0 {
				t.Errorf("%d requests", len(i.requests))
			}
		})
	}
}

func TestLogoutToken_MalformedCausesNoRequest(t *testing.T) {
	i := newIDP()
	f := i.flow(i.oidc())
	i.header["typ"] = "at+jwt"
	for _, raw := range []string{"", "a.b.c", i.logoutToken(nil)} {
		token, err := f.VerifyLogoutToken(context.Background(), raw)
		wantNoLogout(t, token, err)
	}
	if len(i.requests) != 0 {
		t.Errorf("%d requests", len(i.requests))
	}
}

func TestLogoutToken_ProviderDown(t *testing.T) {
	for _, path := range []string{metadataPath, keysPath} {
		i := newIDP()
		at := now
		f := flow.New(i.oidc(), flow.Config{HTTPClient: &http.Client{Transport: i}, Now: func() time.Time { return at }})
		i.handlers[path] = status(503, "")
		token, err := f.VerifyLogoutToken(context.Background(), i.logoutToken(nil))
		wantNoLogout(t, token, err)
		delete(i.handlers, path)
		at = now.Add(3 * time.Second)
		if _, err := f.VerifyLogoutToken(context.Background(), i.logoutToken(nil)); err != nil {
			t.Errorf("%s is up again: %v", path, err)
		}
	}
}

func TestLogoutToken_ProviderFaults(t *testing.T) {
	for _, alg := range []string{"RS256", "ES256", "EdDSA"} {
		idp := authtest.IDPConfig{SigningAlgorithm: alg}.Start(t)
		f := flow.New(idp.AsProvider("idp"), flow.Config{})
		token, err := f.VerifyLogoutToken(t.Context(), idp.LogoutToken(t, "user-alice", "s1"))
		if err != nil || token.Subject != "user-alice" || token.Session != "s1" || token.ID == "" {
			t.Fatalf("%s: %+v, %v", alg, token, err)
		}
		for _, fault := range hostile.LogoutFaults() {
			t.Run(alg+" "+fault.String(), func(t *testing.T) {
				token, err := f.VerifyLogoutToken(t.Context(), idp.LogoutToken(t, "user-alice", "s1", fault))
				if fault.Outcome() == hostile.Accepted && err != nil {
					t.Errorf("rejected: %v", err)
				}
				if fault.Outcome() == hostile.Refused {
					wantNoLogout(t, token, err)
				}
			})
		}
	}
}
