// Package mail has the mails that the library sends: links to sign in, to reset a password
// and to verify an address, and notices about changes of an account.
//
// The application sends a [Message] with a function of its own or with mail/smtp, a module
// that speaks SMTP. The built-in messages, [Default] and [DefaultNotice], have HTML and text,
// follow the light or dark setting of the reader, and can be replaced.
//
// A message has nothing of the request that caused it but the link: no name, no address and
// no callback URL, which another person may have chosen. All functions are safe for
// concurrent use.
package mail

import "errors"

// ErrRejected is wrapped by the error of a function that sends a message if the server
// refuses it because of its recipient. Any other error is an outage, which is the same for
// every recipient. The difference decides what the browser may learn: whether an address
// exists at its server is not shown.
var ErrRejected = errors.New("mail: the server refused the recipient")

// Message is a mail to one recipient.
type Message struct {
	_ [0]func()

	// To is the address of the recipient, normalized, such as "ada@example.com": no
	// name, no list, no angle brackets. A function that sends the message must send it
	// to this address and to no other. The built-in messages leave it empty; the library
	// sets it to the address that it has stored.
	To string

	Subject string // one line
	Text    string // lines end in \n; each has at most 78 characters, except for the link
	HTML    string // a document with the same content
}

// Site is the application as its mails show it. The zero value has neutral colours, and the
// host of the link for a name.
type Site struct {
	_ [0]func()

	// Name is the name of the application, such as "Acme". Empty means Host. Only its
	// first 64 characters are shown.
	Name string

	// Host is the public host of the application, such as "example.com". Empty means
	// that of the link. It must come from the configuration: the Host header of a
	// request is chosen by the client.
	Host string

	// BrandColor is the background of the button and ButtonText the colour of the text
	// on it, as in the theme of the pages. Mail clients know #rgb, #rrggbb and rgb() with
	// numbers; with any other value the button is nearly black, in the dark nearly white.
	// An empty ButtonText means black or white by contrast.
	BrandColor, ButtonText string

	// Logo is the http(s) URL of an image, shown 36 pixels high above the message.
	// LogoDark replaces it in the dark. Any other value means no image. Many mail clients
	// load no images at first, and show Name there.
	Logo, LogoDark string
}
