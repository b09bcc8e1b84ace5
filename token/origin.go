package token

// An Origin is the sign-in that a session comes from. All tokens of the session
// have the same one. Claims that the configuration does not need are left out:
// the session's id is for a deny-list, and the provider is for a store, a
// deny-list, refreshing the provider's tokens and federated logout. The zero
// Origin is that of a token from another server. It is comparable.
type Origin struct {
	AuthTime        NumericDate `json:"auth_time,omitzero"`
	SessionID       string      `json:"sid,omitzero"`
	Provider        string      `json:"idp,omitzero"`     // Provider.ID, such as "keycloak"
	ProviderSubject string      `json:"idp_sub,omitzero"` // the user at the provider, by the ID token
	ProviderSession string      `json:"idp_sid,omitzero"` // the session at the provider, by the ID token

	// Since is the latest revocation that was known at the sign-in, in the unit
	// of store.Marks. A later one revokes the session.
	Since int64 `json:"since,omitzero"`
}
