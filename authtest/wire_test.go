package authtest_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"
	"github.com/golang-jwt/jwt/v5"

	"github.com/nuxtauth/nuxtauth/authtest"
)

// wire sends requests to a provider.
type wire struct {
	t   *testing.T
	idp *authtest.IDP
}

type object = map[string]any

// reply is a response of the provider, which may be incomplete.
type reply struct {
	*http.Response
	body []byte // without the middle if it is huge
	size int    // of the whole body
	err  error  // of reading the body
}

// send sends a request over the network, without following redirects or decompressing.
func (w wire) send(method, path string, form url.Values, header http.Header) reply {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), method, w.idp.Issuer()+path, strings.NewReader(form.Encode()))
	if err != nil {
		w.t.Fatal(err)
	}
	if header != nil {
		r.Header = header
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	transport := &http.Transport{DisableCompression: true}
	defer transport.CloseIdleConnections()
	res, err := transport.RoundTrip(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer res.Body.Close()
	body, size, err := readShort(res.Body)
	return reply{res, body, size, err}
}

// readShort reads all of r and returns its beginning and its end.
func readShort(r io.Reader) (kept []byte, size int, err error) {
	const most = 2 << 20
	buffer := make([]byte, 64<<10)
	for {
		n, err := r.Read(buffer)
		size += n
		kept = append(kept, buffer[:n]...)
		if len(kept) > most {
			kept = slices.Delete(kept, most/4, len(kept)-most/4)
		}
		if err == io.EOF {
			return kept, size, nil
		}
		if err != nil {
			return kept, size, err
		}
	}
}

func (w wire) get(path string) reply {
	w.t.Helper()
	return w.send(http.MethodGet, path, nil, nil)
}

func (w wire) discovery() object {
	return decoded(w.get("/.well-known/openid-configuration").body)
}

func (w wire) keys() []object {
	var keys []object
	list, _ := decoded(w.get("/jwks").body)["keys"].([]any)
	for _, k := range list {
		keys = append(keys, k.(object))
	}
	return keys
}

// authorization returns the authorization response of a sign-in.
func (w wire) authorization() url.Values {
	w.t.Helper()
	return w.idp.SignIn(w.t, authorizationURL(w.idp, "scope", "openid profile email offline_access"), "alice").URL.Query()
}

// exchange signs in and sends the token request.
func (w wire) exchange() reply {
	w.t.Helper()
	return w.send(http.MethodPost, "/token", codeForm(w.idp, w.authorization().Get("code")), nil)
}

func (w wire) tokens() object {
	w.t.Helper()
	return decoded(w.exchange().body)
}

// refresh sends a refresh token.
func (w wire) refresh(token any) reply {
	w.t.Helper()
	refreshToken, _ := token.(string)
	return w.send(http.MethodPost, "/token", url.Values{
		"grant_type": {"refresh_token"}, "refresh_token": {refreshToken},
		"client_id": {w.idp.ClientID()}, "client_secret": {w.idp.ClientSecret()},
	}, nil)
}

// refreshed returns the tokens of a refresh.
func (w wire) refreshed() object {
	w.t.Helper()
	return decoded(w.refresh(w.tokens()["refresh_token"]).body)
}

// getUserinfo signs in and sends the userinfo request.
func (w wire) getUserinfo() reply {
	w.t.Helper()
	accessToken, _ := w.tokens()["access_token"].(string)
	return w.send(http.MethodGet, "/userinfo", nil, http.Header{"Authorization": {"Bearer " + accessToken}})
}

func (w wire) userinfo() object { return decoded(w.getUserinfo().body) }

// decoded returns the JSON object in data, or nil.
func decoded(data []byte) object {
	var v object
	if err := json.Unmarshal(data, &v); err != nil {
		return nil
	}
	return v
}

// compact is a decoded token.
type compact struct {
	raw            string
	header, claims object
	signature      string
}

func (w wire) idToken() compact {
	w.t.Helper()
	return parse(w.tokens())
}

func parse(tokens object) compact {
	raw, _ := tokens["id_token"].(string)
	parts := strings.Split(raw, ".")
	if len(parts) != 3 {
		return compact{raw: raw}
	}
	segment := func(s string) object {
		data, _ := base64.RawURLEncoding.DecodeString(s)
		return decoded(data)
	}
	return compact{raw, segment(parts[0]), segment(parts[1]), parts[2]}
}

// signedBy reports whether a key, or a secret, verifies the signature of the token. The
// claims are not checked.
func (c compact) signedBy(key any) bool {
	_, err := jwt.NewParser(jwt.WithoutClaimsValidation()).Parse(c.raw, func(*jwt.Token) (any, error) { return key, nil })
	return err == nil
}

// published returns the provider's published keys, by ID.
func (w wire) published() map[string]crypto.PublicKey {
	w.t.Helper()
	return publicKeys(w.get("/jwks").body)
}

func publicKeys(set []byte) map[string]crypto.PublicKey {
	keys := map[string]crypto.PublicKey{}
	list, _ := decoded(set)["keys"].([]any)
	for _, k := range list {
		data, _ := json.Marshal(k)
		var key jose.JSONWebKey
		if key.UnmarshalJSON(data) == nil && key.Valid() {
			keys[key.KeyID] = key.Key
		}
	}
	return keys
}

// onlyKey returns the key of a provider without faults of the key set.
func (w wire) onlyKey() crypto.PublicKey {
	w.t.Helper()
	keys := w.published()
	if len(keys) != 1 {
		w.t.Fatalf("%d keys are published", len(keys))
	}
	for _, key := range keys {
		return key
	}
	return nil
}

func der(key crypto.PublicKey) []byte {
	data, _ := x509.MarshalPKIXPublicKey(key)
	return data
}

func number(key crypto.PublicKey) []byte {
	switch key := key.(type) {
	case *rsa.PublicKey:
		return key.N.Bytes()
	case *ecdsa.PublicKey:
		data, _ := key.Bytes()
		return data
	case ed25519.PublicKey:
		return key
	}
	return nil
}
