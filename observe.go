package nuxtauth

import (
	"context"
	"log/slog"

	"github.com/nuxtauth/nuxtauth/internal/guard"
	"github.com/nuxtauth/nuxtauth/internal/observe"
	"github.com/nuxtauth/nuxtauth/provider"
)

// An Operation is a piece of work of the library, for [Config].Observe. It has no secret,
// no token, and nothing that says who the user is. New names and fields may come with any
// version: ignore those that are not known.
type Operation struct {
	// Name is one of those below, or "api." and the action of the API that is called, such as
	// "api.signin", "api.callback", "api.session" and "api.signout". Names do not change.
	Name string

	// Provider is the ID of the provider, "" where none has to do with it. It is one of
	// Config.Providers, or of a token that the application has issued or shares.
	Provider string

	// Method is that of the HTTP request, for an action and for a call to a provider.
	Method string

	// URL is that of a call to a provider, without its query; "" for other operations.
	URL string
}

// The names of operations. Each is one piece of work: of requests that wait for the same
// refresh or the same keys of a provider, the first has it, and the others have none.
const (
	// OperationLoad finds the session of a request and runs the callbacks. The error wraps
	// [ErrSignedOut] if the request has a cookie that opens no session, or not any more, and
	// [ErrUnavailable] if that can't be told. Requests without a cookie load nothing.
	OperationLoad = "session.load"

	// OperationSave writes a session, into a cookie or the Store.
	OperationSave = "session.save"

	// OperationRefresh exchanges a refresh token for new tokens. It wraps [ErrSignedOut] if
	// the provider refuses the refresh token.
	OperationRefresh = "session.refresh"

	// OperationDiscovery and the next three are calls to a provider: for its metadata, for its
	// keys, to the token endpoint, and for the profile, also those of ProfileRequest.Get. The
	// error is a [*StatusError] if the provider answers with another status than 200.
	OperationDiscovery = "provider.discovery"
	OperationKeys      = "provider.keys"
	OperationToken     = "provider.token"
	OperationUserinfo  = "provider.userinfo"

	// OperationAction begins the names of the actions of the API. The error is an [*Error]
	// with the code of a sign-in that was refused, or else that of a fault. An answer without
	// session data is no error, unless the session could not be checked.
	OperationAction = "api."
)

// StatusError is the answer of a provider with a status that is no success.
type StatusError = provider.StatusError

// observeFunc returns Config.Observe as other packages call it.
func observeFunc(log *slog.Logger, f func(context.Context, Operation) (context.Context, func(error))) observe.Func {
	if f == nil {
		return nil
	}
	return guard.Observe(log, func(ctx context.Context, op observe.Operation) (context.Context, func(error)) {
		return f(ctx, Operation(op))
	})
}
