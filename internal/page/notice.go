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

	Info bool   // it is no failure
	Form string // the kind of the form on the sign-in page that it is about; empty means none
}

// Message returns the text about an error for a sign-in page, "" for the empty code.
func Message(code string) string {
	if code == "" {
		return ""
	}
	return noticeFor(code, unknownSignInError).Text
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
		Title:  "Something went wrong",
		Text:   "The sign-in failed. Please try again.",
		Status: http.StatusOK,
	}
	unknownSignInError = notice{
		Title:  "Unable to sign in",
		Text:   "The sign-in failed. Please try again.",
		Status: http.StatusOK,
	}
)

// notices has the codes of next-auth 4 and Auth.js 5 that a browser can get, and those
// of this library, in lower case.
var notices = map[string]notice{
	// Codes with a page and a status of their own in Auth.js.
	"configuration": {
		Title:  "Server error",
		Text:   "Sign-in is not set up correctly on this site. Please try again later, or contact the administrator of the site.",
		Status: http.StatusInternalServerError,
	},
	"accessdenied": {
		Title:  "Access denied",
		Text:   "Your account is not allowed to sign in here. If you have another account, try that one.",
		Status: http.StatusForbidden,
	},
	"cancelled": { // not in Auth.js
		Title:  "Sign-in cancelled",
		Text:   "Sign-in was cancelled.",
		Status: http.StatusOK,
		Info:   true,
	},
	"verification": {
		Title:  "Unable to sign in",
		Text:   "This sign-in link no longer works. It may have expired, or it was used already. Please ask for a new one.",
		Status: http.StatusForbidden,
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
		Title:  "Use your first account",
		Text:   "You already have an account with this email address. To show that it is yours, sign in the way you did the first time.",
		Status: http.StatusOK,
	},
	"accountnotlinked": {
		Title:  "Already in use",
		Text:   "This account is connected to another user. Sign in the way you did the first time.",
		Status: http.StatusOK,
	},

	// A form was not accepted.
	"credentialssignin": {
		Title:  "Unable to sign in",
		Text:   "Those details don't match an account. Check them and try again.",
		Status: http.StatusOK,
		Form:   "credentials",
	},
	"emailsignin":      emailNotSent, // v4
	"emailsigninerror": emailNotSent, // v5
	"missingcsrf": {
		Title:  "Unable to sign in",
		Text:   "This page was open for too long or was opened at another address, or your browser is blocking cookies. Please try again.",
		Status: http.StatusOK,
	},
	"webauthnverificationerror": {
		Title:  "Unable to sign in",
		Text:   "Your passkey could not be checked. Please try again.",
		Status: http.StatusOK,
	},
	"invalidprovider": {
		Title:  "Unable to sign in",
		Text:   "This way to sign in is not available here. Please choose another one.",
		Status: http.StatusOK,
	},

	"toomanyattempts": { // not in Auth.js
		Title:  "Too many attempts",
		Text:   "There were too many attempts to sign in. Please wait a minute, then try again.",
		Status: http.StatusTooManyRequests,
	},

	"unavailable": { // not in Auth.js
		Title:  "Try again soon",
		Text:   "Your details could not be checked just now. Please try again in a moment.",
		Status: http.StatusServiceUnavailable,
	},

	"notfound": { // a path below that of the API; not in Auth.js
		Title:  "There is no such page",
		Text:   "Check the address, or start again.",
		Status: http.StatusBadRequest,
	},

	// Codes that the site redirects with.
	"sessionrequired": {
		Title:  "Please sign in",
		Text:   "Sign in to see that page.",
		Status: http.StatusOK,
		Info:   true,
	},
	"sessionunavailable": { // not in Auth.js
		Title:  "Try again soon",
		Text:   "Your session could not be checked. You are still signed in: please try again in a moment.",
		Status: http.StatusServiceUnavailable,
	},
	"signouterror": {
		Title:  "Unable to sign out",
		Text:   "The sign-out failed. Please try again.",
		Status: http.StatusOK,
	},
}

var (
	tryAnother = notice{
		Title:  "Unable to sign in",
		Text:   "Signing in didn't work this time. Please try again, or use a different account.",
		Status: http.StatusOK,
	}
	emailNotSent = notice{
		Title:  "Email not sent",
		Text:   "The email could not be sent. Check the address and try again.",
		Status: http.StatusOK,
		Form:   "email",
	}
)
