package account_test

import (
	"testing"

	"github.com/nuxtauth/nuxtauth/internal/apptest"
)

func TestMain(m *testing.M) { apptest.Main(m) }
