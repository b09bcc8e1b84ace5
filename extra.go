package nuxtauth

import (
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/nuxtauth/nuxtauth/internal/claims"
)

// extraOf returns the claims of a token that no field declares, nil for a session.
func extraOf(v any) *jsontext.Value {
	if t, ok := v.(interface{ defaultJWT() *DefaultJWT }); ok {
		return &t.defaultJWT().Extra
	}
	return nil
}

// checkRoundTrip reads and writes a token twice. It returns an error if the subject is
// lost, or a claim that no field declares.
func checkRoundTrip[T JWT](t *T) error {
	doc := []byte(`{"sub":"1","nuxtauth:undeclared":1}`)
	for range 2 {
		*t = *new(T)
		d := defaultsOf(t)
		if err := claims.Unmarshal(string(doc), t, &d.Extra); err != nil {
			return err
		}
		var err error
		if doc, err = claims.Marshal(t, d.Extra); err != nil {
			return err
		}
	}
	var got map[string]jsontext.Value
	if err := json.Unmarshal(doc, &got); err != nil {
		return fmt.Errorf("%w: %w", errOwnJSON, err)
	}
	if defaultsOf(t).Subject != "1" || string(got["nuxtauth:undeclared"]) != "1" {
		return errOwnJSON
	}
	return nil
}
