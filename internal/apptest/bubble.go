package apptest

import (
	"cmp"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/nuxtauth/nuxtauth/authtest"
)

// Bubble runs a test in a bubble of testing/synctest: what the library waits for in real
// time takes none. The applications and providers that the test starts with its t are
// served in memory, because the clock of a bubble stands while a goroutine uses the
// network. The clock of an application is not that of the bubble.
func Bubble(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		networks.Store(t, &Network{hosts: make(map[string]http.Handler)})
		defer networks.Delete(t)
		test(t)
	})
}

var networks sync.Map // of *Network by the *testing.T of a bubble

// NetworkOf returns the network of a test in a bubble, nil for other tests.
func NetworkOf(t *testing.T) *Network {
	n, ok := networks.Load(t)
	if !ok {
		return nil
	}
	return n.(*Network)
}

// Network is a network in memory. It serves each request on the goroutine of the client.
// It is safe for concurrent use.
type Network struct {
	mu    sync.Mutex
	hosts map[string]http.Handler
}

// RoundTrip implements [http.RoundTripper].
func (n *Network) RoundTrip(r *http.Request) (*http.Response, error) {
	n.mu.Lock()
	h, ok := n.hosts[r.URL.Host]
	n.mu.Unlock()
	if !ok {
		return nil, fmt.Errorf("there is no host %q", r.URL.Host)
	}
	req := r.Clone(r.Context())
	req.RequestURI, req.Host, req.RemoteAddr = r.URL.RequestURI(), cmp.Or(r.Host, r.URL.Host), "127.0.0.1:1"
	if req.Body == nil {
		req.Body = http.NoBody
	}
	defer req.Body.Close()
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, req)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	return rec.Result(), nil
}

// client returns a client that uses the network unless c has a transport of its own.
func (n *Network) client(c *http.Client) *http.Client {
	own := new(http.Client)
	if c != nil {
		*own = *c
	}
	if own.Transport == nil {
		own.Transport = n
	}
	return own
}

// newHost returns the URL of a new host, whose handler serve sets.
func (n *Network) newHost() (url string, serve func(http.Handler)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	host := "127.0.0.1:" + strconv.Itoa(3000+len(n.hosts))
	n.hosts[host] = http.NotFoundHandler()
	return "http://" + host, func(h http.Handler) {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.hosts[host] = h
	}
}

// startIDP is [authtest.IDPConfig.Start] in the network.
func (n *Network) startIDP(t *testing.T, cfg authtest.IDPConfig) *authtest.IDP {
	t.Helper()
	issuer, serve := n.newHost()
	cfg.Issuer, cfg.RecordRequests = issuer, true
	idp, err := authtest.NewIDP(cfg)
	if err != nil {
		t.Fatal(err)
	}
	serve(idp)
	t.Cleanup(idp.Close)
	return idp
}
