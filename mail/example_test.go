package mail_test

import (
	"fmt"
	"strings"
	"time"

	"github.com/nuxtauth/nuxtauth/mail"
)

func ExampleDefault() {
	m, err := mail.Default(mail.Link{
		Purpose:  mail.PurposeSignIn,
		URL:      "https://acme.example/api/auth/callback/email?token=4YB2QSWUJ3K7TTFKHPKXSBUAQ5",
		Lifetime: 10 * time.Minute,
		Site:     mail.Site{Name: "Acme", BrandColor: "#4f46e5"},
	})
	if err != nil {
		panic(err)
	}
	fmt.Println(m.Subject)
	fmt.Println(strings.Repeat("-", 15))
	fmt.Print(m.Text)
	// Output:
	// Sign in to Acme
	// ---------------
	// Sign in to Acme
	//
	// Use this link to sign in to Acme. It works once, within 10 minutes.
	//
	// https://acme.example/api/auth/callback/email?token=4YB2QSWUJ3K7TTFKHPKXSBUAQ5
	//
	// If you did not ask to sign in, ignore this email. Do not forward it: the link
	// gives access to your account.
	//
	// Acme
	// acme.example
}

func ExampleDefaultNotice() {
	m, err := mail.DefaultNotice(mail.Notice{
		Kind:   mail.NoticeLinked,
		Method: "GitHub",
		URL:    "https://acme.example/account",
		Site:   mail.Site{Name: "Acme"},
	})
	if err != nil {
		panic(err)
	}
	fmt.Println(m.Subject)
	// Output: A way to sign in to Acme was added
}
