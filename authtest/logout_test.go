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
	"github.com/nuxtauth/nuxtauth/authtest/hostile"
)

const logoutEvent = "http://schemas.openid.net/event/backchannel-logout"

func (w wire) logoutToken(faults ...hostile.LogoutFault) compact {
	w.t.Helper()
	return parse(object{"id_token": w.idp.LogoutToken(w.t, "user-alice", "s1", faults...)})
}

func TestLogoutToken_Claims(t *testing.T) {
	for _, alg := range []string{"RS256", "ES256", "EdDSA"} {
		w := wire{t, authtest.IDPConfig{SigningAlgorithm: alg}.Start(t)}
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
			t.Errorf("%s: two tokens have the jti %q", alg, id)
		}
	}

	w := wire{t, fastProvider(t)}
	for _, ids := range [][2]string{{"user-alice", ""}, {"", "s1"}} {
		claims := parse(object{"id_token": w.idp.LogoutToken(t, ids[0], ids[1])}).claims
		sub, _ := claims["sub"].(string)
		sid, _ := claims["sid"].(string)
		if sub != ids[0] || sid != ids[1] {
			t.Errorf("for %q: sub %q and sid %q", ids, sub, sid)
		}
	}
}

// logoutDetector reports whether a logout token has a fault.
type logoutDetector func(w wire, token compact) bool

// logoutClaim detects a signed logout token whose claim passes the check.
func logoutClaim(name string, check func(w wire, value any, present bool) bool) logoutDetector {
	return func(w wire, token compact) bool {
		value, present := token.claims[name]
		return token.signedBy(w.onlyKey()) && check(w, value, present)
	}
}

// withEvent is a check for a single event of a name, whose value passes the check.
func withEvent(name string, check func(event any) bool) func(wire, any, bool) bool {
	return func(_ wire, value any, _ bool) bool {
		events, _ := value.(object)
		event, ok := events[name]
		return ok && len(events) == 1 && check(event)
	}
}

func logoutDetectors() map[hostile.LogoutFault]logoutDetector {
	otherSignature := func(w wire, token compact) bool {
		return token.signature != "" && !token.signedBy(w.onlyKey()) && token.header["kid"] == w.keys()[0]["kid"] && token.header["alg"] == w.keys()[0]["alg"]
	}
	typ := func(want string) logoutDetector {
		return func(w wire, token compact) bool { return token.signedBy(w.onlyKey()) && token.header["typ"] == want }
	}
	return map[hostile.LogoutFault]logoutDetector{
		hostile.LogoutBadSignature: otherSignature,
		hostile.LogoutForeignKey:   otherSignature,
		hostile.LogoutAlgNone: func(_ wire, token compact) bool {
			return token.header["alg"] == "none" && token.signature == ""
		},
		hostile.LogoutWrongAlg: func(w wire, token compact) bool { return token.signedBy([]byte(w.idp.ClientSecret())) },
		hostile.LogoutHS256PEM: func(w wire, token compact) bool {
			return token.signedBy(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der(w.onlyKey())}))
		},
		hostile.LogoutNoEvent: logoutClaim("events", absent),
		hostile.LogoutWrongEvent: logoutClaim("events", func(_ wire, value any, _ bool) bool {
			events, ok := value.(object)
			return ok && len(events) == 1 && events[logoutEvent] == nil
		}),
		hostile.LogoutEventString:    logoutClaim("events", withEvent(logoutEvent, func(event any) bool { return event == "yes" })),
		hostile.LogoutWithNonce:      logoutClaim("nonce", func(_ wire, _ any, present bool) bool { return present }),
		hostile.LogoutWrongIssuer:    logoutClaim("iss", is("https://other.example")),
		hostile.LogoutNoIssuer:       logoutClaim("iss", absent),
		hostile.LogoutWrongAudience:  logoutClaim("aud", not("authtest")),
		hostile.LogoutNoAudience:     logoutClaim("aud", absent),
		hostile.LogoutExpired:        logoutClaim("exp", secondsFromNow(-240, -180)),
		hostile.LogoutNoExpiry:       logoutClaim("exp", absent),
		hostile.LogoutIssuedInFuture: logoutClaim("iat", secondsFromNow(240, 300)),
		hostile.LogoutIssuedLongAgo:  logoutClaim("iat", secondsFromNow(-86460, -86400)),
		hostile.LogoutNoIssuedAt:     logoutClaim("iat", absent),
		hostile.LogoutNoID:           logoutClaim("jti", absent),
		hostile.LogoutNoSubjectNoSession: func(w wire, token compact) bool {
			return token.signedBy(w.onlyKey()) && token.claims["sub"] == nil && token.claims["sid"] == nil
		},
		hostile.LogoutSessionNumber: logoutClaim("sid", is(42.0)),
		hostile.LogoutIDToken: func(w wire, token compact) bool {
			return token.signedBy(w.onlyKey()) && token.claims["events"] == nil && token.claims["auth_time"] != nil && token.header["typ"] == "JWT"
		},
		hostile.LogoutWrongType:  typ("at+jwt"),
		hostile.LogoutTypeJWT:    typ("JWT"),
		hostile.LogoutClockAhead: logoutClaim("iat", secondsFromNow(1, 5)),
	}
}

func TestLogoutToken_FaultsDetected(t *testing.T) {
	detectors := logoutDetectors()
	w := wire{t, fastProvider(t)}
	for _, fault := range hostile.LogoutFaults() {
		detects := detectors[fault]
		switch {
		case detects == nil:
			t.Errorf("%v has no detector", fault)
		case !strings.HasPrefix(fault.String(), "logout-token/"):
			t.Errorf("the name is %v", fault)
		case detects(w, w.logoutToken()):
			t.Errorf("%v: detected in a token without faults", fault)
		case !detects(w, w.logoutToken(fault)):
			t.Errorf("%v: not detected", fault)
		}
	}
	if len(detectors) != len(hostile.LogoutFaults()) {
		t.Errorf("%d faults, %d detectors", len(hostile.LogoutFaults()), len(detectors))
	}
}

func TestSessions_OnePerSignIn(t *testing.T) {
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
			t.Errorf("sid %v after the refresh, %v before: %v", refreshed["sid"], in.claims["sid"], err)
		}
		sids = append(sids, in.claims["sid"])
	}
	sessions := idp.Sessions()
	if len(sessions) != 2 || sessions[0].ID == sessions[1].ID {
		t.Fatalf("sessions %+v", sessions)
	}
	for i, s := range sessions {
		if s.ID != sids[i] || s.Subject != "user-alice" || s.Username != "alice" || s.Ended {
			t.Errorf("sid %v: session %+v", sids[i], s)
		}
	}
}

func TestToken_AccessTokenLifetime(t *testing.T) {
	now := time.Now()
	idp := authtest.IDPConfig{SigningAlgorithm: "ES256", AccessTokenLifetime: 30 * time.Second, Now: func() time.Time { return now }}.Start(t)
	w := wire{t, idp}
	tokens := w.tokens()
	expiry, _ := parse(tokens).claims["exp"].(float64)
	if tokens["expires_in"] != 30.0 || expiry != float64(now.Add(time.Hour).Unix()) {
		t.Errorf("expires_in is %v, and the ID token expires at %v", tokens["expires_in"], expiry)
	}
	now = now.Add(30 * time.Second)
	if status := userinfoStatus(t, idp, tokens["access_token"]); status != http.StatusUnauthorized {
		t.Errorf("userinfo with an expired token: status %d", status)
	}

	idp.SetAccessTokenLifetime(2 * time.Hour)
	if got := w.refresh(tokens["refresh_token"]); decoded(got.body)["expires_in"] != 7200.0 {
		t.Errorf("after the change: %s", got.body)
	}
}

// endSession sends a request to the end-session endpoint.
func endSession(idp *authtest.IDP, method string, params url.Values) *httptest.ResponseRecorder {
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

func TestLogout_EndsSessionAndRedirects(t *testing.T) {
	const back = "https://app.example/signed-out?x=1"
	now := time.Now()
	idp := authtest.IDPConfig{SigningAlgorithm: "ES256", PostLogoutRedirectURIs: []string{back}, Now: func() time.Time { return now }}.Start(t)
	w := wire{t, idp}
	if got := w.discovery(); got["end_session_endpoint"] != idp.Issuer()+"/logout" || got["backchannel_logout_supported"] != true || got["backchannel_logout_session_supported"] != true {
		t.Errorf("metadata %v", got)
	}
	for i, method := range []string{http.MethodGet, http.MethodPost} {
		hint := w.idToken().raw
		now = now.Add(2 * time.Hour) // an expired ID token is a valid hint
		res := endSession(idp, method, url.Values{
			"client_id": {idp.ClientID()}, "id_token_hint": {hint}, "post_logout_redirect_uri": {back}, "state": {"a b"},
		})
		if got := res.Header().Get("Location"); res.Code != http.StatusSeeOther || got != back+"&state=a+b" {
			t.Errorf("%s: status %d, Location %q", method, res.Code, got)
		}
		if sessions := idp.Sessions(); len(sessions) != i+1 || !sessions[i].Ended {
			t.Errorf("%s: sessions %+v", method, sessions)
		}
	}
	if res := endSession(idp, http.MethodGet, url.Values{"client_id": {idp.ClientID()}, "post_logout_redirect_uri": {back}}); res.Header().Get("Location") != back {
		t.Errorf("without state and hint: status %d, Location %q", res.Code, res.Header().Get("Location"))
	}
	if res := endSession(idp, http.MethodGet, nil); res.Code != http.StatusOK || !strings.Contains(res.Body.String(), "signed out") {
		t.Errorf("without parameters: status %d: %s", res.Code, res.Body)
	}
}

func TestLogout_Rejected(t *testing.T) {
	const back = "https://app.example/signed-out"
	idp := authtest.IDPConfig{SigningAlgorithm: "ES256", PostLogoutRedirectURIs: []string{back}}.Start(t)
	other := fastProvider(t)
	hint := wire{t, idp}.idToken().raw
	for name, params := range map[string]url.Values{
		"address not registered": {"client_id": {idp.ClientID()}, "post_logout_redirect_uri": {back + "/"}},
		"no client":              {"post_logout_redirect_uri": {back}},
		"another client":         {"client_id": {"another"}, "id_token_hint": {hint}, "post_logout_redirect_uri": {back}},
		"another's hint":         {"client_id": {idp.ClientID()}, "id_token_hint": {wire{t, other}.idToken().raw}, "post_logout_redirect_uri": {back}},
		"unsigned hint":          {"client_id": {idp.ClientID()}, "id_token_hint": {hint[:strings.LastIndex(hint, ".")+1]}},
		"garbage for a hint":     {"client_id": {idp.ClientID()}, "id_token_hint": {"x"}},
	} {
		if res := endSession(idp, http.MethodGet, params); res.Code != http.StatusBadRequest || res.Header().Get("Location") != "" {
			t.Errorf("%s: status %d, Location %q", name, res.Code, res.Header().Get("Location"))
		}
	}
	if s := idp.Sessions(); s[0].Ended {
		t.Errorf("the session has ended: %+v", s)
	}

	// A provider with registered redirect URIs is no open redirect.
	demo, err := authtest.NewIDP(authtest.IDPConfig{
		Issuer: "http://idp.test", Users: authtest.DefaultUsers(), SigningAlgorithm: "ES256", RedirectURIs: []string{callbackURL},
	})
	if err != nil {
		t.Fatal(err)
	}
	if res := endSession(demo, http.MethodGet, url.Values{"client_id": {demo.ClientID()}, "post_logout_redirect_uri": {back}}); res.Code != http.StatusBadRequest {
		t.Errorf("an unregistered redirect URI: status %d", res.Code)
	}
	if demo.SignIn(t, authorizationURL(demo), "alice"); len(demo.Sessions()) != 0 {
		t.Error("sessions are recorded without RecordRequests")
	}
}
