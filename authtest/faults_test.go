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

// heldBack are the faults that hold an answer back, with their paths.
func heldBack() map[authtest.Fault]string {
	return map[authtest.Fault]string{
		authtest.TokenSlow: "/token", authtest.TokenDrip: "/token",
		authtest.UserinfoSlow: "/userinfo", authtest.UserinfoDrip: "/userinfo",
		authtest.JWKSSlow: "/jwks", authtest.JWKSDrip: "/jwks",
		authtest.RefreshSlow:   "/token",
		authtest.DiscoverySlow: "/.well-known/openid-configuration", authtest.DiscoveryDrip: "/.well-known/openid-configuration",
	}
}

func TestEachFaultShowsOnTheWireAndOnlyWhenItIsSet(t *testing.T) {
	seen := sightings()
	for _, alg := range []string{"RS256", "ES256", "EdDSA"} {
		t.Run(alg, func(t *testing.T) {
			idp := authtest.ProviderConfig{SigningAlgorithm: alg}.Start(t)
			for _, fault := range authtest.Faults() {
				sees, ok := seen[fault]
				if !ok || alg != "RS256" && !strings.HasPrefix(fault.String(), "id-token/") {
					continue // one algorithm is enough for what has nothing to do with keys
				}
				t.Run(fault.String(), func(t *testing.T) {
					w := wire{t, idp}
					if sees(w) {
						t.Error("a healthy provider shows it, too")
					}
					idp.SetFaults(fault)
					defer idp.SetFaults()
					if !sees(w) {
						t.Error("it does not show")
					}
				})
			}
		})
	}
}

func TestNoFaultIsLeftUntested(t *testing.T) {
	seen, held := sightings(), heldBack()
	names := map[string]bool{}
	for _, fault := range authtest.Faults() {
		if seen[fault] == nil && held[fault] == "" {
			t.Errorf("%s is not looked for", fault)
		}
		if name := fault.String(); names[name] || !strings.Contains(name, "/") {
			t.Errorf("the name %q is there twice or says nothing", name)
		}
		names[fault.String()] = true
	}
	if len(names) != len(seen)+len(held) {
		t.Errorf("%d faults are listed and %d are looked for", len(names), len(seen)+len(held))
	}
	if got := authtest.Fault(0).String(); got != "Fault(0)" {
		t.Errorf("no fault is called %q", got)
	}
}

func TestAnAnswerIsHeldBackUntilSomebodyHasEnough(t *testing.T) {
	for fault, path := range heldBack() {
		for _, end := range []string{"the client hangs up", "the provider closes"} {
			t.Run(fault.String()+" until "+end, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					idp, err := authtest.NewProvider(authtest.ProviderConfig{Issuer: "http://idp.test", Users: authtest.DefaultUsers(), SigningAlgorithm: "ES256"})
					if err != nil {
						t.Fatal(err)
					}
					idp.SetFaults(fault)
					ctx, hangUp := context.WithCancel(t.Context())
					defer hangUp()
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
						t.Fatalf("it answered %d %q", w.Code, w.Body)
					default:
					}
					want := 0
					if strings.HasSuffix(fault.String(), "/drip") {
						want = 51 // one at once, and fifty in a second
					}
					if got := w.Body.String(); got != strings.Repeat(" ", want) {
						t.Errorf("in a second came %q, want %d spaces", got, want)
					}

					if end == "the client hangs up" {
						hangUp()
					} else {
						idp.Close()
					}
					<-answered
				})
			})
		}
	}
}

func TestARedirectedRequestWouldSucceedIfFollowed(t *testing.T) {
	idp := fastProvider(t)
	idp.SetFaults(authtest.TokenRedirect, authtest.UserinfoRedirect, authtest.JWKSRedirect, authtest.DiscoveryRedirect)
	rp := newRelyingParty(t, idp)
	rp.client.CheckRedirect = nil // a careless client
	if _, err := rp.signIn("alice"); err != nil {
		t.Error(err)
	}
	moved := idp.Requests("/moved/.well-known/openid-configuration", "/moved/token", "/moved/jwks", "/moved/userinfo")
	if len(moved) != 4 {
		t.Errorf("%d of 4 redirects were followed", len(moved))
	}
}

func TestAHealthyProviderHasNoTraps(t *testing.T) {
	idp := fastProvider(t)
	for _, path := range []string{"/attacker/jwks", "/attacker/cert", "/moved/jwks"} {
		if got := (wire{t, idp}).get(path); got.StatusCode != http.StatusNotFound {
			t.Errorf("%s answered %d", path, got.StatusCode)
		}
	}
}

func TestACarefulClientMeetsTheOutcomeOfEachFault(t *testing.T) {
	idp := fastProvider(t)
	held := heldBack()
	for _, fault := range authtest.Faults() {
		t.Run(fault.String(), func(t *testing.T) {
			idp.SetFaults(fault)
			defer idp.SetFaults()
			rp := newRelyingParty(t, idp)
			refreshing := strings.Contains(fault.String(), "refresh")
			if held[fault] != "" && !refreshing {
				rp.client.Timeout = 100 * time.Millisecond // too long or too short, it is refused
			}
			if refreshing {
				rp.scopes = append(rp.scopes, "offline_access")
			}

			in, err := rp.signIn("alice")
			if refreshing {
				if err != nil {
					t.Fatalf("the sign-in was refused: %v", err)
				}
				if held[fault] != "" {
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
		t.Errorf("a careful client followed %v", followed)
	}
}

func TestFaultsOfDifferentPlacesCombine(t *testing.T) {
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

func TestOutcomesHaveNames(t *testing.T) {
	for outcome, want := range map[authtest.Outcome]string{authtest.Refused: "refused", authtest.Accepted: "accepted", authtest.Either: "either"} {
		if outcome.String() != want {
			t.Errorf("%d is called %q", outcome, outcome)
		}
	}
}
