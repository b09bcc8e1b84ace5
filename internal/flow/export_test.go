package flow

import "github.com/nuxtauth/nuxtauth/provider"

// CheckDial is the check of an address to which a host and port were resolved, which no
// test can choose for localhost.
func CheckDial(p provider.Provider, address, resolved string) error {
	return newAddresses(p).checkDial(address, resolved)
}
