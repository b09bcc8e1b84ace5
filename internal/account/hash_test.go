package account_test

import (
	"encoding/hex"
	"os"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/nuxtauth/nuxtauth/internal/account"
	"github.com/nuxtauth/nuxtauth/mail"
	"github.com/nuxtauth/nuxtauth/store"
)

// A link that Auth.js has sent is found by the hash that Auth.js has stored.
func TestLinks_HashOfAuthJS(t *testing.T) {
	data, err := os.ReadFile("../../testdata/vectors/email-token-hash.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Vectors []struct {
			Secret         any
			ProviderSecret string
			Identifier     string
			Token          string
			Hash           string
		}
	}
	if err := json.Unmarshal(data, &file, json.MatchCaseInsensitiveNames(true)); err != nil {
		t.Fatal(err)
	}
	tested := 0
	for _, v := range file.Vectors {
		secret, ok := v.Secret.(string)
		if !ok || v.ProviderSecret != "" { // a list is joined by commas, which no configuration means
			continue
		}
		tested++
		key := store.LinkKey{Purpose: string(mail.PurposeSignIn), Email: v.Identifier}
		if _, err := hex.Decode(key.Hash[:], []byte(v.Hash)); err != nil {
			t.Fatal(err)
		}
		links := store.NewMemory(store.MemoryOptions{})
		if err := links.SaveLink(t.Context(), &store.Link{LinkKey: key, ExpiresAt: time.Now().Add(time.Hour)}); err != nil {
			t.Fatal(err)
		}
		a := account.New(account.Config{Store: links, Links: links, LinkSecrets: []string{"a newer secret", secret}})
		if l, err := a.TakeLink(t.Context(), mail.PurposeSignIn, v.Identifier, v.Token); err != nil || l.LinkKey != key {
			t.Errorf("the link of Auth.js %q with the secret %q: %v, %v", v.Token, secret, l, err)
		}
	}
	if tested < 4 {
		t.Errorf("tested %d vectors", tested)
	}
}
