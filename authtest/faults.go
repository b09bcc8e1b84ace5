package authtest

import (
	"net/http"
	"net/url"
	"slices"

	"github.com/nuxtauth/nuxtauth/authtest/hostile"
)

// The effects of a fault are functions of these types.
type (
	onSigning       func(p *IDP)                                         // before the key for an ID token is chosen
	onIDToken       func(p *IDP, t *draft)                               // before an ID token is signed
	onProfile       func(claims map[string]any)                          // the user's claims, in the ID token and in the userinfo response
	onAuthorization func(response url.Values)                            // the authorization response
	onTokens        func(response map[string]any)                        // the response of the token endpoint
	onUserinfo      func(response map[string]any)                        // the response of the userinfo endpoint
	onDiscovery     func(metadata map[string]any)                        // the provider's metadata
	onJWKS          func(p *IDP, keys []map[string]any) []map[string]any // the key set

	// onEndpoint replaces an endpoint, which it may call.
	onEndpoint struct {
		path   string
		answer answer
	}

	// keepRefreshToken keeps refresh tokens valid after their use.
	keepRefreshToken struct{}
)

// spec is a fault with its effects.
type spec struct {
	fault   hostile.Fault
	effects []any
}

// catalogue returns all faults of the provider.
func catalogue() []spec {
	return slices.Concat(
		signatureFaults(), claimFaults(), authorizationFaults(), tokenFaults(),
		userinfoFaults(), jwksFaults(), discoveryFaults(), profileFaults(), refreshFaults(),
	)
}

// SetFaults replaces the faults of the provider, from the next request on. Without
// arguments the provider has none. Faults can be combined; of several that replace one
// endpoint, the first is used. The zero Fault has no effect.
func (p *IDP) SetFaults(faults ...hostile.Fault) {
	var specs []spec
	all := catalogue()
	for _, f := range faults {
		if i := slices.IndexFunc(all, func(s spec) bool { return s.fault == f }); i >= 0 {
			specs = append(specs, all[i])
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = specs
}

// effects returns the effects of a type of the provider's faults.
func effects[E any](p *IDP) []E {
	p.mu.Lock()
	faults := p.faults
	p.mu.Unlock()

	var found []E
	for _, s := range faults {
		for _, effect := range s.effects {
			if e, ok := effect.(E); ok {
				found = append(found, e)
			}
		}
	}
	return found
}

// faulty returns the handler of an endpoint that faults can replace.
func (p *IDP) faulty(path string, endpoint http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		for _, e := range effects[onEndpoint](p) {
			if e.path == path {
				e.answer(p, w, r, endpoint)
				return
			}
		}
		endpoint(w, r)
	}
}

// onlyWithFaults returns a handler that responds with 404 unless faults are set.
func (p *IDP) onlyWithFaults(handler http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		none := len(p.faults) == 0
		p.mu.Unlock()
		if none {
			http.NotFound(w, r)
			return
		}
		handler(w, r)
	}
}
