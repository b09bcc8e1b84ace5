package smtp_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/nuxtauth/nuxtauth/mail"
	"github.com/nuxtauth/nuxtauth/mail/smtp"
)

func ExampleNew() {
	options, err := smtp.ParseURL("smtp://user:password@smtp.example.com:587?from=Acme%20%3Clogin@example.com%3E")
	if err != nil {
		panic(err)
	}
	sender, err := smtp.New(options)
	if err != nil {
		panic(err)
	}
	// The sender of all mails of the application.
	send := sender.Send // func(context.Context, mail.Message) error

	ctx, cancel := context.WithCancel(context.Background())
	cancel() // send nothing in this example
	err = send(ctx, mail.Message{To: "ada@example.com", Subject: "Hello", Text: "Hello Ada\n"})
	fmt.Println(errors.Is(err, context.Canceled), errors.Is(err, mail.ErrRejected))
	// Output: true false
}
