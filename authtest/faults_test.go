package authtest_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nuxtauth/nuxtauth/authtest"
)

// stalled returns the faults that delay a response, with their paths.
func stalled() map[authtest.Fault]string {
	return map[authtest.Fault]string{
		authtest.TokenSlow: "/token", authtest.TokenDrip: "/token",
		authtest.UserinfoSlow: "/userinfo", authtest.UserinfoDrip: "/userinfo",
		authtest.JWKSSlow: "/jwks", authtest.JWKSDrip: "/jwks",
		authtest.RefreshSlow:   "/token",
		authtest.DiscoverySlow: "/.well-known/openid-configuration", authtest.DiscoveryDrip: "/.well-known/openid-configuration",
	}
}

func TestFault_Detected(t *testing.T) {
	detects := detectors()
	for _, alg := range []string{"RS256", "ES256", "EdDSA"} {
		t.Run(alg, func(t *testing.T) {
			idp := authtest.ProviderConfig{SigningAlgorithm: alg}.Start(t)
			for _, fault := range authtest.Faults() {
				detected, ok := detects[fault]
				if !ok || alg != "RS256" && !strings.HasPrefix(fault.String(), "id-token/") {
					continue // these do not depend on the algorithm
				}
				t.Run(fault.String(), func(t *testing.T) {
					w := wire{t, idp}
					if detected(w) {
						t.Error("detected without faults")
					}
					idp.SetFaults(fault)
					defer idp.SetFaults()
					if !detected(w) {
						t.Error("not detected")
					}
				})
			}
		})
	}
}

func TestFaults_HaveDetectors(t *testing.T) {
	detects, delays := detectors(), stalled()
	names := map[string]bool{}
	for _, fault := range authtest.Faults() {
		if detects[fault] == nil && delays[fault] == "" {
			t.Errorf("%s has no detector", fault)
		}
		if name := fault.String(); names[name] || !strings.Contains(name, "/") {
			t.Errorf("the name %q is not unique, or has no prefix", name)
		}
		names[fault.String()] = true
	}
	if len(names) != len(detects)+len(delays) {
		t.Errorf("%d faults, %d detectors", len(names), len(detects)+len(delays))
	}
	if got := authtest.Fault(0).String(); got != "Fault(0)" {
		t.Errorf("the name of no fault is %q", got)
	}
}

func TestFault_StalledResponse(t *testing.T) {
	for fault, path := range stalled() {
		for _, end := range []string{"client disconnects", "provider is closed"} {
			t.Run(fault.String()+" until "+end, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					idp, err := authtest.NewProvider(authtest.ProviderConfig{Issuer: "http://idp.test", Users: authtest.DefaultUsers(), SigningAlgorithm: "ES256"})
					if err != nil {
						t.Fatal(err)
					}
					idp.SetFaults(fault)
					ctx, disconnect := context.WithCancel(t.Context())
					defer disconnect()
					method := http.MethodGet
					if path == "/token" {
						method = http.MethodPost
					}
					r := httptest.NewRequestWithContext(ctx, method, path, strings.NewReader("grant_type=refresh_token"))
					r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
					w := httptest.NewRecorder()
					answered := make(chan struct{})
					go func() {
						defer close(answered)
						idp.ServeHTTP(w, r)
					}()

					time.Sleep(time.Second + time.Millisecond) // of the bubble's clock
					synctest.Wait()
					select {
					case <-answered:
						t.Fatalf("status %d: %q", w.Code, w.Body)
					default:
					}
					want := 0
					if strings.HasSuffix(fault.String(), "/drip") {
						want = 51 // one at the start, and fifty in a second
					}
					if got := w.Body.String(); got != strings.Repeat(" ", want) {
						t.Errorf("after a second: %q, want %d spaces", got, want)
					}

					if end == "client disconnects" {
						disconnect()
					} else {
						idp.Close()
					}
					<-answered
				})
			})
		}
	}
}

func TestFault_RedirectTargetsRespond(t *testing.T) {
	idp := fastProvider(t)
	idp.SetFaults(authtest.TokenRedirect, authtest.UserinfoRedirect, authtest.JWKSRedirect, authtest.DiscoveryRedirect)
	rp := newRelyingParty(t, idp)
	rp.client.CheckRedirect = nil // follows redirects
	if _, err := rp.signIn("alice"); err != nil {
		t.Error(err)
	}
	moved := idp.Requests("/moved/.well-known/openid-configuration", "/moved/token", "/moved/jwks", "/moved/userinfo")
	if len(moved) != 4 {
		t.Errorf("%d of 4 redirects were followed", len(moved))
	}
}

func TestProvider_NoFaultPathsWithoutFaults(t *testing.T) {
	idp := fastProvider(t)
	for _, path := range []string{"/attacker/jwks", "/attacker/cert", "/moved/jwks"} {
		if got := (wire{t, idp}).get(path); got.StatusCode != http.StatusNotFound {
			t.Errorf("%s: status %d", path, got.StatusCode)
		}
	}
}

func TestFault_Outcome(t *testing.T) {
	idp := fastProvider(t)
	delays := stalled()
	for _, fault := range authtest.Faults() {
		t.Run(fault.String(), func(t *testing.T) {
			idp.SetFaults(fault)
			defer idp.SetFaults()
			rp := newRelyingParty(t, idp)
			refreshing := strings.Contains(fault.String(), "refresh")
			if delays[fault] != "" && !refreshing {
				rp.client.Timeout = 100 * time.Millisecond // of a request without a response
			}
			if refreshing {
				rp.scopes = append(rp.scopes, "offline_access")
			}

			in, err := rp.signIn("alice")
			if refreshing {
				if err != nil {
					t.Fatalf("sign-in: %v", err)
				}
				if delays[fault] != "" {
					rp.client.Timeout = 100 * time.Millisecond
				}
				_, err = rp.refresh(in)
			}
			switch want := fault.Outcome(); {
			case want == authtest.Refused && err == nil:
				t.Error("accepted, want refused")
			case want == authtest.Accepted && err != nil:
				t.Errorf("refused, want accepted: %v", err)
			}
		})
	}
	if followed := idp.Requests("/attacker/jwks", "/attacker/cert", "/moved/token", "/moved/userinfo", "/moved/jwks"); len(followed) != 0 {
		t.Errorf("the client sent %v", followed)
	}
}

func TestSetFaults_Combined(t *testing.T) {
	idp := fastProvider(t)
	idp.SetFaults(authtest.DiscoveryWeakAlgs, authtest.IDTokenAlgNone, authtest.UserinfoNoSubject)
	w := wire{t, idp}
	if token := w.idToken(); token.header["alg"] != "none" {
		t.Errorf("alg is %v", token.header["alg"])
	}
	if info := w.userinfo(); info["sub"] != nil {
		t.Errorf("userinfo is %v", info)
	}
	idp.SetFaults()
	if _, err := newRelyingParty(t, idp).signIn("alice"); err != nil {
		t.Errorf("after the faults: %v", err)
	}
}

func TestOutcome_String(t *testing.T) {
	for outcome, want := range map[authtest.Outcome]string{authtest.Refused: "refused", authtest.Accepted: "accepted", authtest.Either: "either"} {
		if outcome.String() != want {
			t.Errorf("the name of %d is %q", outcome, outcome)
		}
	}
}
