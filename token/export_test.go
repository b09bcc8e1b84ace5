package token

// The parts of the key derivation, for the vectors.
var (
	DeriveKey  = deriveKey
	Thumbprint = thumbprint
)
