package token

// An Origin identifies the sign-in that a session comes from. All tokens of the
// session have the same one, but for Rotations and RotatedAt. The zero Origin is that of a
// token from another server.
// Origins can't be compared with ==, so that fields of any type can be added.
type Origin struct {
	_ [0]func()

	// AuthTime is when the user signed in.
	AuthTime NumericDate `json:"auth_time,omitzero"`

	// SessionID is the ID of the session. It is empty unless there is a deny-list.
	SessionID string `json:"sid,omitzero"`

	// Provider is the ID of the provider, such as "keycloak", and ProviderSubject the
	// ID of the user there: the sub of the ID token, or else the
	// Account.ProviderAccountID. Both are empty in a session that a Node server began,
	// and in one of Auth.Issue unless they were given.
	Provider        string `json:"idp,omitzero"`
	ProviderSubject string `json:"idp_sub,omitzero"`

	// Issuer is the issuer of the ID token if it is not the one of the provider, which
	// has many tenants. ProviderSubject and ProviderSession are unique with it alone.
	Issuer string `json:"idp_iss,omitzero"`

	// ProviderSession is the session at the provider: the sid of the ID token, "" if it
	// has none.
	ProviderSession string `json:"idp_sid,omitzero"`

	// User says that the subject of the token is the ID of a user of Config.Accounts, and
	// not one that a provider gave.
	User bool `json:"user,omitzero"`

	// Since is the latest revocation that was known at the sign-in, in the unit
	// of store.Marks. A later one revokes the session.
	Since int64 `json:"since,omitzero"`

	// Local says that the session began at the endpoints of Config.Local, which give the
	// client an access and a refresh token and no cookie.
	Local bool `json:"local,omitzero"`

	// Rotations is how many refresh tokens of a Local session were replaced by another, the
	// latest at RotatedAt. Both are zero unless Config.Local rotates them.
	Rotations int64       `json:"rotations,omitzero"`
	RotatedAt NumericDate `json:"rotated_at,omitzero"`
}
