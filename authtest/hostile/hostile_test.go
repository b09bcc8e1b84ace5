package hostile_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/nuxtauth/nuxtauth/authtest/hostile"
)

func TestFaults_UniqueNames(t *testing.T) {
	var all []fmt.Stringer
	for _, f := range hostile.Faults() {
		all = append(all, f)
	}
	for _, f := range hostile.LogoutFaults() {
		all = append(all, f)
	}
	if len(all) < 140 {
		t.Errorf("%d faults", len(all))
	}
	names := map[string]bool{}
	for _, f := range all {
		name := f.String()
		if names[name] || !strings.Contains(name, "/") {
			t.Errorf("the name %q is not unique, or has no prefix", name)
		}
		names[name] = true
		if _, logout := f.(hostile.LogoutFault); logout != strings.HasPrefix(name, "logout-token/") {
			t.Errorf("%q is of the type %T", name, f)
		}
	}
}

func TestString_EachType(t *testing.T) {
	for _, tt := range []struct {
		value fmt.Stringer
		want  string
	}{
		{hostile.IDTokenAlgNone, "id-token/alg-none"},
		{hostile.LogoutNoEvent, "logout-token/no-event"},
		{hostile.Fault(0), "Fault(0)"},
		{hostile.LogoutFault(-1), "LogoutFault(-1)"},
		{hostile.Refused, "refused"},
		{hostile.Accepted, "accepted"},
		{hostile.Either, "either"},
		{hostile.Outcome(3), "Outcome(3)"},
		{hostile.Outcome(-1), "Outcome(-1)"},
	} {
		if got := tt.value.String(); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}

func TestOutcome_EachKind(t *testing.T) {
	for _, tt := range []struct {
		fault interface {
			fmt.Stringer
			Outcome() hostile.Outcome
		}
		want hostile.Outcome
	}{
		{hostile.IDTokenBadSignature, hostile.Refused},
		{hostile.IDTokenKidAbsent, hostile.Accepted},
		{hostile.JWKSBrokenKeys, hostile.Either},
		{hostile.LogoutNoEvent, hostile.Refused},
		{hostile.LogoutTypeJWT, hostile.Accepted},
	} {
		if got := tt.fault.Outcome(); got != tt.want {
			t.Errorf("%v: %v, want %v", tt.fault, got, tt.want)
		}
	}
}
