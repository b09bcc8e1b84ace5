package otelauth_test

import (
	"context"
	"fmt"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/otelauth"
)

type (
	Token   struct{ nuxtauth.DefaultJWT }
	Session = nuxtauth.DefaultSession[nuxtauth.DefaultUser]
)

// The providers are those of the application, or with Observe() the global ones.
func ExampleObserve() {
	spans := tracetest.NewInMemoryExporter()
	tracers := sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans))
	meters := sdkmetric.NewMeterProvider()

	auth, err := nuxtauth.New(nuxtauth.Config[Token, Session]{
		Secret:  "a-secret-of-at-least-32-characters",
		URL:     "http://localhost:3000",
		Observe: otelauth.Observe(otelauth.WithTracerProvider(tracers), otelauth.WithMeterProvider(meters)),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err := auth.Issue(context.Background(), &Token{nuxtauth.DefaultJWT{Subject: "1"}}); err != nil {
		fmt.Println(err)
	}
	for _, span := range spans.GetSpans() {
		fmt.Println(span.Name)
	}

	// Output: session.save
}
