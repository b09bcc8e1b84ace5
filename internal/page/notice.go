package page

import (
	"net/http"
	"strings"
)

// A notice is what people read about an error, and the status of the error page.
type notice struct {
	Title  string
	Text   string
	Status int
}

// noticeFor finds the notice for a code, whatever its case, or returns the
// given one for codes that nobody has heard of.
func noticeFor(code string, unknown notice) notice {
	if n, ok := notices[strings.ToLower(code)]; ok {
		return n
	}
	return unknown
}

var (
	unknownError = notice{
		"Something went wrong",
		"We couldn't sign you in. Please try again.",
		http.StatusOK,
	}
	unknownSignInError = notice{
		"Unable to sign in",
		"We couldn't sign you in. Please try again.",
		http.StatusOK,
	}
)

// notices has every code of next-auth 4 and Auth.js 5 that can reach a
// browser, in lower case.
var notices = map[string]notice{
	// The codes with a page and a status of their own.
	"configuration": {
		"Server error",
		"Sign-in is not set up correctly on this site. It isn't anything you did: please try again later, or tell the people who run the site.",
		http.StatusInternalServerError,
	},
	"accessdenied": {
		"Access denied",
		"Your account is not allowed to sign in here. If you have another account, try that one.",
		http.StatusForbidden,
	},
	"verification": {
		"Unable to sign in",
		"This sign-in link no longer works. It may have expired, or it was used already. Please ask for a new one.",
		http.StatusForbidden,
	},

	// An identity provider, or the way back from it, failed.
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

	// The account belongs to somebody already.
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
		"This page was open for too long, or your browser is blocking cookies. Please try again.",
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

	"toomanyattempts": { // ours
		"Too many attempts",
		"There were too many attempts to sign in. Please wait a minute, then try again.",
		http.StatusTooManyRequests,
	},

	// The site sent the visitor here.
	"sessionrequired": {
		"Please sign in",
		"Sign in to see that page.",
		http.StatusOK,
	},
	"sessionunavailable": { // ours
		"Try again soon",
		"We can't check right now who you are. You are still signed in: please try again in a moment.",
		http.StatusServiceUnavailable,
	},
	"signouterror": {
		"Unable to sign out",
		"We couldn't sign you out. Please try again.",
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
		"We couldn't send you an email. Check the address and try again.",
		http.StatusOK,
	}
)
