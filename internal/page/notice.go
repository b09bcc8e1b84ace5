package page

import (
	"net/http"
	"strings"
)

// notice is the text about an error, and the status of the error page.
type notice struct {
	Title  string
	Text   string
	Status int
}

// noticeFor returns the notice for a code, which is case-insensitive, or the given one
// for an unknown code.
func noticeFor(code string, unknown notice) notice {
	if n, ok := notices[strings.ToLower(code)]; ok {
		return n
	}
	return unknown
}

var (
	unknownError = notice{
		"Something went wrong",
		"The sign-in failed. Please try again.",
		http.StatusOK,
	}
	unknownSignInError = notice{
		"Unable to sign in",
		"The sign-in failed. Please try again.",
		http.StatusOK,
	}
)

// notices has the codes of next-auth 4 and Auth.js 5 that a browser can get, and those
// of this library, in lower case.
var notices = map[string]notice{
	// Codes with a page and a status of their own in Auth.js.
	"configuration": {
		"Server error",
		"Sign-in is not set up correctly on this site. Please try again later, or contact the administrator of the site.",
		http.StatusInternalServerError,
	},
	"accessdenied": {
		"Access denied",
		"Your account is not allowed to sign in here. If you have another account, try that one.",
		http.StatusForbidden,
	},
	"cancelled": { // not in Auth.js
		"Sign-in cancelled",
		"Sign-in was cancelled.",
		http.StatusOK,
	},
	"verification": {
		"Unable to sign in",
		"This sign-in link no longer works. It may have expired, or it was used already. Please ask for a new one.",
		http.StatusForbidden,
	},

	// A sign-in with an identity provider failed.
	"signin":                 tryAnother,
	"oauthsignin":            tryAnother, // v4
	"oauthsigninerror":       tryAnother, // v5
	"oauthcallback":          tryAnother, // v4
	"oauthcallbackerror":     tryAnother, // v5
	"oauthcreateaccount":     tryAnother,
	"emailcreateaccount":     tryAnother,
	"callback":               tryAnother,
	"callbackrouteerror":     tryAnother, // v5
	"oauthprofileparseerror": tryAnother, // v5

	// The account is linked to another user.
	"oauthaccountnotlinked": {
		"Use your first account",
		"You already have an account with this email address. To show that it is yours, sign in the way you did the first time.",
		http.StatusOK,
	},
	"accountnotlinked": {
		"Already in use",
		"This account is connected to another user. Sign in the way you did the first time.",
		http.StatusOK,
	},

	// A form was not accepted.
	"credentialssignin": {
		"Unable to sign in",
		"Those details don't match an account. Check them and try again.",
		http.StatusOK,
	},
	"emailsignin":      emailNotSent, // v4
	"emailsigninerror": emailNotSent, // v5
	"missingcsrf": {
		"Unable to sign in",
		"This page was open for too long or was opened at another address, or your browser is blocking cookies. Please try again.",
		http.StatusOK,
	},
	"webauthnverificationerror": {
		"Unable to sign in",
		"Your passkey could not be checked. Please try again.",
		http.StatusOK,
	},
	"invalidprovider": {
		"Unable to sign in",
		"This way to sign in is not available here. Please choose another one.",
		http.StatusOK,
	},

	"toomanyattempts": { // not in Auth.js
		"Too many attempts",
		"There were too many attempts to sign in. Please wait a minute, then try again.",
		http.StatusTooManyRequests,
	},

	// Codes that the site redirects with.
	"sessionrequired": {
		"Please sign in",
		"Sign in to see that page.",
		http.StatusOK,
	},
	"sessionunavailable": { // not in Auth.js
		"Try again soon",
		"Your session could not be checked. You are still signed in: please try again in a moment.",
		http.StatusServiceUnavailable,
	},
	"signouterror": {
		"Unable to sign out",
		"The sign-out failed. Please try again.",
		http.StatusOK,
	},
}

var (
	tryAnother = notice{
		"Unable to sign in",
		"Signing in didn't work this time. Please try again, or use a different account.",
		http.StatusOK,
	}
	emailNotSent = notice{
		"Email not sent",
		"The email could not be sent. Check the address and try again.",
		http.StatusOK,
	}
)
