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
	"github.com/nuxtauth/nuxtauth/authtest/hostile"
)

// stalled returns the faults that delay a response, with their paths.
func stalled() map[hostile.Fault]string {
	return map[hostile.Fault]string{
		hostile.TokenSlow: "/token", hostile.TokenDrip: "/token",
		hostile.UserinfoSlow: "/userinfo", hostile.UserinfoDrip: "/userinfo",
		hostile.JWKSSlow: "/jwks", hostile.JWKSDrip: "/jwks",
		hostile.RefreshSlow:   "/token",
		hostile.DiscoverySlow: "/.well-known/openid-configuration", hostile.DiscoveryDrip: "/.well-known/openid-configuration",
	}
}

func TestFault_Detected(t *testing.T) {
	detects := detectors()
	for _, alg := range []string{"RS256", "ES256", "EdDSA"} {
		t.Run(alg, func(t *testing.T) {
			idp := authtest.IDPConfig{SigningAlgorithm: alg}.Start(t)
			for _, fault := range hostile.Faults() {
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
	for _, fault := range hostile.Faults() {
		if detects[fault] == nil && delays[fault] == "" {
			t.Errorf("%s has no detector", fault)
		}
	}
	if n := len(hostile.Faults()); n != len(detects)+len(delays) {
		t.Errorf("%d faults, %d detectors", n, len(detects)+len(delays))
	}
}

func TestFault_StalledResponse(t *testing.T) {
	for fault, path := range stalled() {
		for _, end := range []string{"client disconnects", "provider is closed"} {
			t.Run(fault.String()+" until "+end, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					idp, err := authtest.NewIDP(authtest.IDPConfig{Issuer: "http://idp.test", Users: authtest.DefaultUsers(), SigningAlgorithm: "ES256"})
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
	idp.SetFaults(hostile.TokenRedirect, hostile.UserinfoRedirect, hostile.JWKSRedirect, hostile.DiscoveryRedirect)
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

func TestIDP_NoFaultPathsWithoutFaults(t *testing.T) {
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
	for _, fault := range hostile.Faults() {
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
			case want == hostile.Refused && err == nil:
				t.Error("accepted, want refused")
			case want == hostile.Accepted && err != nil:
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
	idp.SetFaults(0, hostile.DiscoveryWeakAlgs, hostile.IDTokenAlgNone, hostile.UserinfoNoSubject)
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

func TestJWKSRotated_RemovesOldKey(t *testing.T) {
	for _, alg := range []string{"RS256", "ES256", "EdDSA"} {
		t.Run(alg, func(t *testing.T) {
			idp := authtest.IDPConfig{SigningAlgorithm: alg}.Start(t)
			rp := newRelyingParty(t, idp)
			rp.algorithm = alg
			before, err := rp.signIn("alice")
			if err != nil {
				t.Fatal(err)
			}
			idp.SetFaults(hostile.JWKSRotated)
			after, err := rp.signIn("alice")
			if err != nil {
				t.Fatalf("after the rotation: %v", err)
			}
			// The verifier of the first sign-in has cached the old key, and has to fetch the new one.
			if _, err := before.verifier.Verify(t.Context(), after.token.Extra("id_token").(string)); err != nil {
				t.Errorf("the new key is not published: %v", err)
			}
			if _, err := after.verifier.Verify(t.Context(), before.token.Extra("id_token").(string)); err == nil {
				t.Error("the old key is still published")
			}
		})
	}
}
