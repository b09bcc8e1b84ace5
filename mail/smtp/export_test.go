package smtp

import (
	"context"
	"net"
)

// DialTo makes the sender connect to another address than that of its host.
func (s *Sender) DialTo(addr string) {
	s.dial = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, addr)
	}
}

// DialWith makes the sender connect by a function.
func (s *Sender) DialWith(dial func(ctx context.Context, network, addr string) (net.Conn, error)) {
	s.dial = dial
}

// Addr returns the address that the sender connects to.
func (s *Sender) Addr() string { return s.addr }
