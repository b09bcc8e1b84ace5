package flow_test

import (
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"maps"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"

	"github.com/nuxtauth/nuxtauth/provider"
)

// fromIDToken skips the userinfo request, so that the result depends on the ID token
// alone.
func fromIDToken(p *provider.Provider) { p.SkipUserinfo = true }

// null is a member whose value is null.
const null = jsonNull("null")

type jsonNull string

func (n jsonNull) MarshalJSON() ([]byte, error) { return []byte(n), nil }

func TestIDToken_Claims(t *testing.T) {
	unix := now.Unix()
	for name, tt := range map[string]struct {
		claims object // a nil claim is left out
		ok     bool
	}{
		"valid":                     {object{}, true},
		"audience in an array":      {object{"aud": []string{clientID}}, true},
		"azp is the client":         {object{"azp": clientID}, true},
		"two audiences and azp":     {object{"aud": []string{"other", clientID}, "azp": clientID}, true},
		"expired within the skew":   {object{"exp": unix - 60}, true},
		"issued within the skew":    {object{"iat": unix + 60}, true},
		"nbf within the skew":       {object{"nbf": unix + 60}, true},
		"times with fractions":      {object{"exp": float64(unix) + 0.5, "iat": float64(unix) - 0.5}, true},
		"distributed claims":        {object{"_claim_names": object{"groups": "a"}, "_claim_sources": object{"a": object{"endpoint": "https://x.example"}}}, true},
		"no issuer":                 {object{"iss": nil}, false},
		"other issuer":              {object{"iss": "https://evil.example"}, false},
		"issuer with a slash":       {object{"iss": issuer + "/"}, false},
		"issuer in an array":        {object{"iss": []string{issuer}}, false},
		"no audience":               {object{"aud": nil}, false},
		"other audience":            {object{"aud": "other"}, false},
		"audience with same prefix": {object{"aud": clientID + "2"}, false},
		"empty audience":            {object{"aud": []string{}}, false},
		"audience is a number":      {object{"aud": 1}, false},
		"audience is an object":     {object{"aud": object{clientID: clientID}}, false},
		"audience holds a number":   {object{"aud": []any{clientID, 1}, "azp": clientID}, false},
		"audience holds null":       {object{"aud": []any{clientID, nil}, "azp": clientID}, false},
		"two audiences, no azp":     {object{"aud": []string{"other", clientID}}, false},
		"azp is another":            {object{"azp": "other"}, false},
		"azp is empty":              {object{"azp": ""}, false},
		"azp is a number":           {object{"azp": 1}, false},
		"no sub":                    {object{"sub": nil}, false},
		"empty sub":                 {object{"sub": ""}, false},
		"sub is a number":           {object{"sub": 1}, false},
		"sub is null":               {object{"sub": null}, false},
		"no exp":                    {object{"exp": nil}, false},
		"expired":                   {object{"exp": unix - 61}, false},
		"exp is a string":           {object{"exp": "9999999999"}, false},
		"exp is a boolean":          {object{"exp": true}, false},
		"exp is negative":           {object{"exp": -1}, false},
		"exp is null":               {object{"exp": null}, false},
		"nonce is null":             {object{"nonce": null}, false},
		"audience is null":          {object{"aud": null}, false},
		"no iat":                    {object{"iat": nil}, false},
		"issued in the future":      {object{"iat": unix + 61}, false},
		"iat is a string":           {object{"iat": "1"}, false},
		"not yet valid":             {object{"nbf": unix + 61}, false},
		"nbf is a string":           {object{"nbf": "1"}, false},
		"no nonce":                  {object{"nonce": nil}, false},
		"empty nonce":               {object{"nonce": ""}, false},
		"other nonce":               {object{"nonce": "x"}, false},
		"nonce in an array":         {object{"nonce": []string{"x"}}, false},
		"at_hash of another token":  {object{"at_hash": "77QmUPtjPfzWtF2AnpK9RQ"}, false},
		"empty at_hash":             {object{"at_hash": ""}, false},
		"at_hash is a number":       {object{"at_hash": 1}, false},
	} {
		t.Run(name, func(t *testing.T) {
			i := newIDP()
			maps.Copy(i.claims, tt.claims)
			_, err := i.signIn(t, i.flow(i.oidc(fromIDToken, func(p *provider.Provider) {
				// So that the error is not one of the profile.
				p.Profile = func(context.Context, provider.ProfileRequest) (*provider.User, error) {
					return &provider.User{ID: "1"}, nil
				}
			})))
			if tt.ok && err != nil {
				t.Errorf("rejected: %v", err)
			}
			if !tt.ok {
				wantCode(t, err, "OAuthCallback")
			}
		})
	}
}

func TestIDToken_InvalidPayload(t *testing.T) {
	for _, payload := range []string{``, `null`, `[]`, `"x"`, `1`, `{}`, `{"iss":`, "{\"iss\":\"\xff\"}"} {
		i := newIDP()
		i.answer["id_token"] = i.sign(payload)
		_, err := i.signIn(t, i.flow(i.oidc(fromIDToken)))
		wantCode(t, err, "OAuthCallback")
	}
}

// Of two claims with one name, two parsers may use different ones.
func TestIDToken_DuplicateClaim(t *testing.T) {
	i := newIDP()
	f := i.flow(i.oidc(fromIDToken, anyUser))
	check, params := i.start(t, f)
	payload := `{"iss":"` + issuer + `","aud":"` + clientID + `","sub":"user-1","iat":1795420000,"exp":1795420600,"nonce":"` + i.nonce + `"`
	i.answer["id_token"] = i.sign(payload + `}`)
	if _, err := f.Finish(t.Context(), check, redirectURI, params); err != nil {
		t.Fatalf("the token without the second claim is rejected: %v", err)
	}
	i.answer["id_token"] = i.sign(payload + `,"sub":"admin"}`)
	_, err := f.Finish(t.Context(), check, redirectURI, params)
	wantCode(t, err, "OAuthCallback")
}

// sized returns an ID token of n bytes, whose encoded header has h.
func (i *idp) sized(n, h int) string {
	defer func(header, claims object) { i.header, i.claims = header, claims }(i.header, i.claims)
	pad := func(base object, n int) object {
		padded := maps.Clone(base)
		padded["x"] = strings.Repeat("x", n)
		return padded
	}
	header := i.header
	for j := h/4*3 - 100; ; j++ {
		i.header = pad(header, max(j, 0))
		if length := strings.IndexByte(i.idToken(), '.'); length >= h {
			break
		}
	}
	claims, rest := i.claims, n-len(i.idToken())
	for j := max(rest/4*3-40, 0); ; j++ {
		i.claims = pad(claims, j)
		if token := i.idToken(); len(token) >= n {
			return token
		}
	}
}

// What a token may take of the memory of the application is limited.
func TestIDToken_Sizes(t *testing.T) {
	for name, tt := range map[string]struct {
		total, header int
		ok            bool
	}{
		"longest":            {32 << 10, 100, true},
		"too long":           {32<<10 + 2, 100, false},
		"longest header":     {20 << 10, 16 << 10, true},
		"header is too long": {20 << 10, 16<<10 + 2, false},
	} {
		t.Run(name, func(t *testing.T) {
			i := newIDP()
			f := i.flow(i.oidc(fromIDToken, anyUser))
			check, params := i.start(t, f)
			token := i.sized(tt.total, tt.header)
			if header := strings.IndexByte(token, '.'); len(token) != tt.total || tt.header > 100 && header != tt.header {
				t.Fatalf("the token has %d bytes, its header %d", len(token), header)
			}
			i.answer["id_token"] = token
			_, err := f.Finish(t.Context(), check, redirectURI, params)
			if tt.ok && err != nil {
				t.Error(err)
			}
			if !tt.ok {
				wantCode(t, err, "OAuthCallback")
			}
		})
	}
}

func TestIDToken_AccessTokenHash(t *testing.T) {
	half := func(sum []byte) string { return base64.RawURLEncoding.EncodeToString(sum[:len(sum)/2]) }
	sum256 := sha256.Sum256([]byte("the access token"))
	sum512 := sha512.Sum512([]byte("the access token"))

	i := newIDP()
	i.claims["at_hash"] = half(sum256[:])
	if _, err := i.signIn(t, i.flow(i.oidc(fromIDToken))); err != nil {
		t.Errorf("ES256: %v", err)
	}
	sum384 := sha512.Sum384([]byte("the access token"))
	i = newIDP()
	i.keys, i.key, i.method, i.header = []any{jwk("rsa", &rsaKey().PublicKey)}, rsaKey(), jwt.SigningMethodRS384, object{"kid": "rsa"}
	i.claims["at_hash"] = half(sum384[:])
	if _, err := i.signIn(t, i.flow(i.oidc(fromIDToken))); err != nil {
		t.Errorf("RS384: %v", err)
	}
	i = newIDP()
	i.keys, i.key, i.method, i.header = []any{jwk("ed", edKey().Public())}, edKey(), jwt.SigningMethodEdDSA, object{"kid": "ed"}
	i.claims["at_hash"] = half(sum512[:])
	if _, err := i.signIn(t, i.flow(i.oidc(fromIDToken))); err != nil {
		t.Errorf("EdDSA: %v", err)
	}
	i.claims["at_hash"] = half(sum256[:])
	_, err := i.signIn(t, i.flow(i.oidc(fromIDToken)))
	wantCode(t, err, "OAuthCallback")
}

func TestIDToken_Signature(t *testing.T) {
	publicDER, err := x509.MarshalPKIXPublicKey(&rsaKey().PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	publicPEM := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: publicDER})

	for name, tt := range map[string]struct {
		method jwt.SigningMethod
		key    any
		header object
		ok     bool
	}{
		"RS256":                      {jwt.SigningMethodRS256, rsaKey(), object{"kid": "rsa"}, true},
		"RS384":                      {jwt.SigningMethodRS384, rsaKey(), object{"kid": "rsa"}, true},
		"RS512":                      {jwt.SigningMethodRS512, rsaKey(), object{"kid": "rsa"}, true},
		"PS256":                      {jwt.SigningMethodPS256, rsaKey(), object{"kid": "rsa"}, true},
		"ES256":                      {jwt.SigningMethodES256, ecKey(), object{"kid": "ec"}, true},
		"EdDSA":                      {jwt.SigningMethodEdDSA, edKey(), object{"kid": "ed"}, true},
		"no kid and several keys":    {jwt.SigningMethodES256, ecKey(), object{}, true},
		"x5u is ignored":             {jwt.SigningMethodES256, ecKey(), object{"kid": "ec", "x5u": "https://evil.example"}, true},
		"none":                       {jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, object{}, false},
		"None":                       {jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, object{"alg": "None"}, false},
		"no algorithm":               {jwt.SigningMethodES256, ecKey(), object{"kid": "ec", "alg": nil}, false},
		"algorithm is a number":      {jwt.SigningMethodES256, ecKey(), object{"kid": "ec", "alg": 1}, false},
		"HS256 with client secret":   {jwt.SigningMethodHS256, []byte(secret), object{}, false},
		"HS256 with the public PEM":  {jwt.SigningMethodHS256, publicPEM, object{"kid": "rsa"}, false},
		"HS256 with the public DER":  {jwt.SigningMethodHS256, publicDER, object{"kid": "rsa"}, false},
		"another's key":              {jwt.SigningMethodES256, otherECKey(), object{"kid": "ec"}, false},
		"another's key, own jwk":     {jwt.SigningMethodES256, otherECKey(), object{"jwk": jwk("ec", &otherECKey().PublicKey)}, false},
		"another's key, own jku":     {jwt.SigningMethodES256, otherECKey(), object{"jku": "https://evil.example/jwks"}, false},
		"algorithm is RS256":         {jwt.SigningMethodES256, ecKey(), object{"kid": "ec", "alg": "RS256"}, false},
		"kid of another key":         {jwt.SigningMethodES256, ecKey(), object{"kid": "rsa"}, false},
		"unknown kid":                {jwt.SigningMethodES256, ecKey(), object{"kid": "x"}, false},
		"kid is a path":              {jwt.SigningMethodES256, ecKey(), object{"kid": "../../jwks"}, false},
		"kid is a number":            {jwt.SigningMethodES256, ecKey(), object{"kid": 1}, false},
		"critical extension":         {jwt.SigningMethodES256, ecKey(), object{"kid": "ec", "crit": []string{"b64"}, "b64": true}, false},
		"unknown critical extension": {jwt.SigningMethodES256, ecKey(), object{"kid": "ec", "crit": []string{"x"}, "x": 1}, false},
		"key for encryption":         {jwt.SigningMethodRS256, rsaKey(), object{"kid": "enc"}, false},
		"key of another algorithm":   {jwt.SigningMethodRS256, rsaKey(), object{"kid": "rs512"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			i := newIDP()
			i.keys = []any{
				jwk("rsa", &rsaKey().PublicKey), jwk("ec", &ecKey().PublicKey), jwk("ed", edKey().Public()),
				with(jwk("enc", &rsaKey().PublicKey), "use", "enc"),
				with(jwk("rs512", &rsaKey().PublicKey), "alg", "RS512"),
			}
			i.method, i.key, i.header = tt.method, tt.key, tt.header
			_, err := i.signIn(t, i.flow(i.oidc(fromIDToken)))
			if tt.ok && err != nil {
				t.Errorf("rejected: %v", err)
			}
			if !tt.ok {
				wantCode(t, err, "OAuthCallback")
			}
		})
	}
}

func TestIDToken_Malformed(t *testing.T) {
	i := newIDP()
	i.start(t, i.flow(i.oidc()))
	good := i.idToken()
	header, rest, _ := strings.Cut(good, ".")
	payload, signature, _ := strings.Cut(rest, ".")

	for name, token := range map[string]any{
		"absent":              nil,
		"empty":               "",
		"a number":            1,
		"null":                null,
		"one part":            header,
		"two parts":           header + "." + payload,
		"four parts":          good + ".x",
		"thousands of parts":  strings.Repeat(".", 60000),
		"too long":            good + strings.Repeat("A", 64<<10),
		"huge header":         strings.Repeat("A", 17<<10) + "." + payload + "." + signature,
		"no signature":        header + "." + payload + ".",
		"other signature":     header + "." + payload + "." + signature[:len(signature)-6] + "AAAAAA",
		"spaces":              header + " ." + payload + "." + signature,
		"JSON serialization":  `{"protected":"` + header + `","payload":"` + payload + `","signature":"` + signature + `"}`,
		"header is not JSON":  "AAAA." + payload + "." + signature,
		"base64 with padding": header + "=." + payload + "." + signature,
	} {
		t.Run(name, func(t *testing.T) {
			i := newIDP()
			i.answer["id_token"] = token
			_, err := i.signIn(t, i.flow(i.oidc(fromIDToken)))
			wantCode(t, err, "OAuthCallback")
		})
	}
}
