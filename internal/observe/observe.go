// Package observe tells the application about the operations of the library, while they
// run.
package observe

import "context"

// An Operation is what begins. The public type of the same name has the same underlying
// type, and the list of names.
type Operation struct {
	Name     string
	Provider string
	Method   string
	URL      string
}

// The names of operations. Those of actions of the API are Action and the action.
const (
	Load    = "session.load"
	Save    = "session.save"
	Refresh = "session.refresh"

	Discovery = "provider.discovery"
	Keys      = "provider.keys"
	Token     = "provider.token"
	Userinfo  = "provider.userinfo"

	Action = "api."
)

// A Func begins to observe an operation. The context is that of the operation from then
// on, and the function, which may be nil, gets its error at the end. A nil Func observes
// nothing and costs nothing.
type Func func(ctx context.Context, op Operation) (context.Context, func(error))

// Start calls f, unless it is nil.
func (f Func) Start(ctx context.Context, op Operation) (context.Context, End) {
	if f == nil {
		return ctx, nil
	}
	return f(ctx, op)
}

// End ends an operation. Nil does nothing.
type End func(error)

// Done tells the error of the operation, to be deferred with that of a function:
//
//	defer end.Done(&err)
func (e End) Done(err *error) {
	if e != nil {
		e(*err)
	}
}
