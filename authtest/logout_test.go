package authtest_test

import (
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth/authtest"
)

const logoutEvent = "http://schemas.openid.net/event/backchannel-logout"

func (w wire) logoutToken(faults ...authtest.Fault) compact {
	w.t.Helper()
	return parse(object{"id_token": w.idp.LogoutToken(w.t, "user-alice", "s1", faults...)})
}

func TestALogoutTokenSaysWhoIsSignedOut(t *testing.T) {
	for _, alg := range []string{"RS256", "ES256", "EdDSA"} {
		w := wire{t, authtest.ProviderConfig{SigningAlgorithm: alg}.Start(t)}
		token := w.logoutToken()
		if !token.signedBy(w.onlyKey()) || token.header["typ"] != "logout+jwt" || token.header["alg"] != alg {
			t.Errorf("%s: the header is %v", alg, token.header)
		}
		events, _ := token.claims["events"].(object)
		_, isObject := events[logoutEvent].(object)
		expiry, _ := token.claims["exp"].(float64)
		issued, _ := token.claims["iat"].(float64)
		if token.claims["iss"] != w.idp.Issuer() || token.claims["aud"] != w.idp.ClientID() || token.claims["nonce"] != nil ||
			token.claims["sub"] != "user-alice" || token.claims["sid"] != "s1" || !isObject || expiry-issued != 120 {
			t.Errorf("%s: the claims are %v", alg, token.claims)
		}
		if id, _ := token.claims["jti"].(string); id == "" || id == w.logoutToken().claims["jti"] {
			t.Errorf("%s: jti is %q, each time", alg, id)
		}
	}

	w := wire{t, fastProvider(t)}
	for _, who := range [][2]string{{"user-alice", ""}, {"", "s1"}} {
		claims := parse(object{"id_token": w.idp.LogoutToken(t, who[0], who[1])}).claims
		sub, _ := claims["sub"].(string)
		sid, _ := claims["sid"].(string)
		if sub != who[0] || sid != who[1] {
			t.Errorf("for %q it says sub %q and sid %q", who, sub, sid)
		}
	}
}

// A logoutSighting reports whether a logout token shows a fault.
type logoutSighting func(w wire, token compact) bool

// logoutClaim sees a well signed logout token whose claim passes the check.
func logoutClaim(name string, check func(w wire, value any, present bool) bool) logoutSighting {
	return func(w wire, token compact) bool {
		value, present := token.claims[name]
		return token.signedBy(w.onlyKey()) && check(w, value, present)
	}
}

// withEvent sees one event of this name, for which the check holds.
func withEvent(name string, check func(event any) bool) func(wire, any, bool) bool {
	return func(_ wire, value any, _ bool) bool {
		events, _ := value.(object)
		event, ok := events[name]
		return ok && len(events) == 1 && check(event)
	}
}

func logoutSightings() map[authtest.Fault]logoutSighting {
	notSignedByUs := func(w wire, token compact) bool {
		return token.signature != "" && !token.signedBy(w.onlyKey()) && token.header["kid"] == w.keys()[0]["kid"] && token.header["alg"] == w.keys()[0]["alg"]
	}
	typ := func(want string) logoutSighting {
		return func(w wire, token compact) bool { return token.signedBy(w.onlyKey()) && token.header["typ"] == want }
	}
	return map[authtest.Fault]logoutSighting{
		authtest.LogoutBadSignature: notSignedByUs,
		authtest.LogoutForeignKey:   notSignedByUs,
		authtest.LogoutAlgNone: func(_ wire, token compact) bool {
			return token.header["alg"] == "none" && token.signature == ""
		},
		authtest.LogoutWrongAlg: func(w wire, token compact) bool { return token.signedBy([]byte(w.idp.ClientSecret())) },
		authtest.LogoutHS256PEM: func(w wire, token compact) bool {
			return token.signedBy(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der(w.onlyKey())}))
		},
		authtest.LogoutNoEvent: logoutClaim("events", absent),
		authtest.LogoutWrongEvent: logoutClaim("events", func(_ wire, value any, _ bool) bool {
			events, ok := value.(object)
			return ok && len(events) == 1 && events[logoutEvent] == nil
		}),
		authtest.LogoutEventString:    logoutClaim("events", withEvent(logoutEvent, func(event any) bool { return event == "yes" })),
		authtest.LogoutWithNonce:      logoutClaim("nonce", func(_ wire, _ any, present bool) bool { return present }),
		authtest.LogoutWrongIssuer:    logoutClaim("iss", is("https://other.example")),
		authtest.LogoutNoIssuer:       logoutClaim("iss", absent),
		authtest.LogoutWrongAudience:  logoutClaim("aud", not("authtest")),
		authtest.LogoutNoAudience:     logoutClaim("aud", absent),
		authtest.LogoutExpired:        logoutClaim("exp", secondsFromNow(-240, -180)),
		authtest.LogoutNoExpiry:       logoutClaim("exp", absent),
		authtest.LogoutIssuedInFuture: logoutClaim("iat", secondsFromNow(240, 300)),
		authtest.LogoutIssuedLongAgo:  logoutClaim("iat", secondsFromNow(-86460, -86400)),
		authtest.LogoutNoIssuedAt:     logoutClaim("iat", absent),
		authtest.LogoutNoID:           logoutClaim("jti", absent),
		authtest.LogoutNoSubjectNoSession: func(w wire, token compact) bool {
			return token.signedBy(w.onlyKey()) && token.claims["sub"] == nil && token.claims["sid"] == nil
		},
		authtest.LogoutSessionNumber: logoutClaim("sid", is(42.0)),
		authtest.LogoutIDToken: func(w wire, token compact) bool {
			return token.signedBy(w.onlyKey()) && token.claims["events"] == nil && token.claims["auth_time"] != nil && token.header["typ"] == "JWT"
		},
		authtest.LogoutWrongType:  typ("at+jwt"),
		authtest.LogoutTypeJWT:    typ("JWT"),
		authtest.LogoutClockAhead: logoutClaim("iat", secondsFromNow(1, 5)),
	}
}

func TestEachFaultOfALogoutTokenShows(t *testing.T) {
	seen := logoutSightings()
	w := wire{t, fastProvider(t)}
	for _, fault := range authtest.LogoutFaults() {
		sees := seen[fault]
		switch {
		case sees == nil:
			t.Errorf("%v is not looked for", fault)
		case !strings.HasPrefix(fault.String(), "logout-token/"):
			t.Errorf("it is called %v", fault)
		case sees(w, w.logoutToken()):
			t.Errorf("%v: a good logout token shows it, too", fault)
		case !sees(w, w.logoutToken(fault)):
			t.Errorf("%v does not show", fault)
		}
	}
	if len(seen) != len(authtest.LogoutFaults()) {
		t.Errorf("%d faults are listed and %d are looked for", len(authtest.LogoutFaults()), len(seen))
	}
}

// A test of sign-ins goes through all faults of a sign-in, and no others.
func TestFaultsOfSignInsAndOfLogoutTokensAreApart(t *testing.T) {
	of := map[authtest.Fault]bool{}
	for _, fault := range authtest.Faults() {
		of[fault] = true
	}
	for _, fault := range authtest.LogoutFaults() {
		if of[fault] {
			t.Errorf("%v is in both lists", fault)
		}
	}
}

// fatalT is a test that can fail without an end to this one.
type fatalT struct {
	testing.TB
	fatal string
}

func (f *fatalT) Helper() {}
func (f *fatalT) Fatalf(format string, _ ...any) {
	f.fatal = format
	panic(f)
}

func TestAnotherFaultIsNotTakenForOneOfALogoutToken(t *testing.T) {
	inner := &fatalT{}
	defer func() {
		if r := recover(); r != inner || inner.fatal == "" {
			t.Errorf("it passed, or ended with %v", r)
		}
	}()
	fastProvider(t).LogoutToken(inner, "user-alice", "", authtest.IDTokenAlgNone)
}

func TestEachSignInHasASessionOfItsOwn(t *testing.T) {
	idp := fastProvider(t)
	rp := newRelyingParty(t, idp)
	rp.scopes = append(rp.scopes, "offline_access")
	var sids []any
	for range 2 {
		in, err := rp.signIn("alice")
		if err != nil {
			t.Fatal(err)
		}
		token, err := rp.refresh(in)
		if err != nil {
			t.Fatal(err)
		}
		_, refreshed, err := rp.verify(t.Context(), in.verifier, token)
		if err != nil || refreshed["sid"] != in.claims["sid"] {
			t.Errorf("refreshed, the session is %v and was %v (%v)", refreshed["sid"], in.claims["sid"], err)
		}
		sids = append(sids, in.claims["sid"])
	}
	sessions := idp.Sessions()
	if len(sessions) != 2 || sessions[0].ID == sessions[1].ID {
		t.Fatalf("the sessions are %+v", sessions)
	}
	for i, s := range sessions {
		if s.ID != sids[i] || s.Subject != "user-alice" || s.Username != "alice" || s.Ended {
			t.Errorf("the session of sid %v is %+v", sids[i], s)
		}
	}
}

func TestAccessTokensCanHaveAShortLifeOfTheirOwn(t *testing.T) {
	now := time.Now()
	idp := authtest.ProviderConfig{SigningAlgorithm: "ES256", AccessTokenLife: 30 * time.Second, Now: func() time.Time { return now }}.Start(t)
	w := wire{t, idp}
	tokens := w.tokens()
	expiry, _ := parse(tokens).claims["exp"].(float64)
	if tokens["expires_in"] != 30.0 || expiry != float64(now.Add(time.Hour).Unix()) {
		t.Errorf("expires_in is %v, and the ID token lives until %v", tokens["expires_in"], expiry)
	}
	now = now.Add(30 * time.Second)
	if status := userinfoStatus(t, idp, tokens["access_token"]); status != http.StatusUnauthorized {
		t.Errorf("userinfo answered %d to an expired token", status)
	}

	idp.SetAccessTokenLife(2 * time.Hour)
	if got := w.refresh(tokens["refresh_token"]); decoded(got.body)["expires_in"] != 7200.0 {
		t.Errorf("after the change the answer is %s", got.body)
	}
}

// endSession sends a browser to the end-session endpoint.
func endSession(idp *authtest.Provider, method string, params url.Values) *httptest.ResponseRecorder {
	target, body := "/logout?"+params.Encode(), ""
	if method == http.MethodPost {
		target, body = "/logout", params.Encode()
	}
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	idp.ServeHTTP(w, r)
	return w
}

func TestASignOutEndsTheSessionAndComesBack(t *testing.T) {
	const bye = "https://app.example/bye?x=1"
	now := time.Now()
	idp := authtest.ProviderConfig{SigningAlgorithm: "ES256", PostLogoutRedirectURIs: []string{bye}, Now: func() time.Time { return now }}.Start(t)
	w := wire{t, idp}
	if got := w.discovery(); got["end_session_endpoint"] != idp.Issuer()+"/logout" || got["backchannel_logout_supported"] != true || got["backchannel_logout_session_supported"] != true {
		t.Errorf("discovery says %v", got)
	}
	for i, method := range []string{http.MethodGet, http.MethodPost} {
		hint := w.idToken().raw
		now = now.Add(2 * time.Hour) // the ID token has expired, and is still a hint
		res := endSession(idp, method, url.Values{
			"client_id": {idp.ClientID()}, "id_token_hint": {hint}, "post_logout_redirect_uri": {bye}, "state": {"a b"},
		})
		if got := res.Header().Get("Location"); res.Code != http.StatusSeeOther || got != bye+"&state=a+b" {
			t.Errorf("%s: answered %d, to %q", method, res.Code, got)
		}
		if sessions := idp.Sessions(); len(sessions) != i+1 || !sessions[i].Ended {
			t.Errorf("%s: the sessions are %+v", method, sessions)
		}
	}
	if res := endSession(idp, http.MethodGet, url.Values{"client_id": {idp.ClientID()}, "post_logout_redirect_uri": {bye}}); res.Header().Get("Location") != bye {
		t.Errorf("without state and hint: %d, to %q", res.Code, res.Header().Get("Location"))
	}
	if res := endSession(idp, http.MethodGet, nil); res.Code != http.StatusOK || !strings.Contains(res.Body.String(), "signed out") {
		t.Errorf("without parameters: %d %s", res.Code, res.Body)
	}
}

func TestASignOutLeadsNobodyAstray(t *testing.T) {
	const bye = "https://app.example/bye"
	idp := authtest.ProviderConfig{SigningAlgorithm: "ES256", PostLogoutRedirectURIs: []string{bye}}.Start(t)
	other := fastProvider(t)
	hint := wire{t, idp}.idToken().raw
	for name, params := range map[string]url.Values{
		"address not registered": {"client_id": {idp.ClientID()}, "post_logout_redirect_uri": {bye + "/"}},
		"nobody's address":       {"post_logout_redirect_uri": {bye}},
		"another client":         {"client_id": {"another"}, "id_token_hint": {hint}, "post_logout_redirect_uri": {bye}},
		"another's hint":         {"client_id": {idp.ClientID()}, "id_token_hint": {wire{t, other}.idToken().raw}, "post_logout_redirect_uri": {bye}},
		"unsigned hint":          {"client_id": {idp.ClientID()}, "id_token_hint": {hint[:strings.LastIndex(hint, ".")+1]}},
		"garbage for a hint":     {"client_id": {idp.ClientID()}, "id_token_hint": {"x"}},
	} {
		if res := endSession(idp, http.MethodGet, params); res.Code != http.StatusBadRequest || res.Header().Get("Location") != "" {
			t.Errorf("%s: answered %d, to %q", name, res.Code, res.Header().Get("Location"))
		}
	}
	if s := idp.Sessions(); s[0].Ended {
		t.Errorf("the session has ended: %+v", s)
	}

	// A server whose callback is registered does not become an open redirect.
	demo, err := authtest.NewProvider(authtest.ProviderConfig{
		Issuer: "http://idp.test", Users: authtest.DefaultUsers(), SigningAlgorithm: "ES256", RedirectURIs: []string{callbackURL},
	})
	if err != nil {
		t.Fatal(err)
	}
	if res := endSession(demo, http.MethodGet, url.Values{"client_id": {demo.ClientID()}, "post_logout_redirect_uri": {bye}}); res.Code != http.StatusBadRequest {
		t.Errorf("an address that nobody registered answered %d", res.Code)
	}
	if demo.SignIn(t, authorizationURL(demo), "alice"); len(demo.Sessions()) != 0 {
		t.Error("sessions are recorded although nobody asked for it")
	}
}
