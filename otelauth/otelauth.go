// Package otelauth tells OpenTelemetry about the operations of nuxtauth, as spans and
// metrics:
//
//	cfg.Observe = otelauth.Observe()
//
// A span has the name of its [nuxtauth.Operation] and the ID of the provider, such as
// "session.load" or "provider.token github". Calls to providers are of kind client and have the
// attributes http.request.method, url.full without the query, server.address and server.port,
// and after a failure http.response.status_code. All others are internal: the span of the
// request is that of otelgin or otelhttp.
//
// The metrics are the counter nuxtauth.operations and the histogram
// nuxtauth.operation.duration, in seconds.
//
// Spans and metrics have these attributes:
//
//	nuxtauth.operation    the name of the operation
//	nuxtauth.provider     the ID of the provider, if there is one
//	nuxtauth.outcome      ok, signed_out, refused, canceled or error
//	nuxtauth.code         of a sign-in that was refused, such as CredentialsSignin
//	error.type            of an error: the status of a provider, timeout, unavailable,
//	                      conflict, token_too_large, or _OTHER
//
// Only the outcome error is an error of the span: the others are usual answers to what
// clients send. Texts of errors are in the log alone; no attribute has a secret, or says
// who the user is.
package otelauth

import (
	"context"
	"errors"
	"net/url"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/nuxtauth/nuxtauth"
)

// scope is the name of the instrumentation.
const scope = "github.com/nuxtauth/nuxtauth/otelauth"

// The attributes that OpenTelemetry has no convention for.
const (
	operationKey = attribute.Key("nuxtauth.operation")
	providerKey  = attribute.Key("nuxtauth.provider")
	outcomeKey   = attribute.Key("nuxtauth.outcome")
	codeKey      = attribute.Key("nuxtauth.code")
)

// An Option changes what [Observe] uses.
type Option func(*options)

type options struct {
	tracers trace.TracerProvider
	meters  metric.MeterProvider
}

// WithTracerProvider makes the spans those of p. Without it they are those of
// otel.GetTracerProvider.
func WithTracerProvider(p trace.TracerProvider) Option { return func(o *options) { o.tracers = p } }

// WithMeterProvider makes the metrics those of p. Without it they are those of
// otel.GetMeterProvider.
func WithMeterProvider(p metric.MeterProvider) Option { return func(o *options) { o.meters = p } }

// Observe returns a function for Observe of [nuxtauth.Config], which is safe for concurrent use.
// The global providers may be set later. If an instrument can't be made, otel.Handle gets the
// error, and it measures nothing.
func Observe(opts ...Option) func(context.Context, nuxtauth.Operation) (context.Context, func(error)) {
	o := options{tracers: otel.GetTracerProvider(), meters: otel.GetMeterProvider()}
	for _, option := range opts {
		option(&o)
	}
	tracer := o.tracers.Tracer(scope, trace.WithSchemaURL(semconv.SchemaURL))
	meter := o.meters.Meter(scope, metric.WithSchemaURL(semconv.SchemaURL))
	count, err := meter.Int64Counter("nuxtauth.operations", metric.WithUnit("{operation}"),
		metric.WithDescription("Operations of nuxtauth that have ended."))
	handle(err)
	duration, err := meter.Float64Histogram("nuxtauth.operation.duration", metric.WithUnit("s"),
		metric.WithDescription("How long operations of nuxtauth take."),
		metric.WithExplicitBucketBoundaries(0.0001, 0.0005, 0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10))
	handle(err)

	return func(ctx context.Context, op nuxtauth.Operation) (context.Context, func(error)) {
		begun := time.Now()
		ctx, span := tracer.Start(ctx, spanName(op), trace.WithSpanKind(kind(op)), trace.WithAttributes(describe(op)...)) //nolint:spancheck // the library ends it, by the function
		return ctx, func(err error) {                                                                                     //nolint:spancheck // likewise
			result := outcome(err)
			if span.IsRecording() {
				span.SetAttributes(result.attributes()...)
				if answer, ok := errors.AsType[*nuxtauth.StatusError](err); ok && isCall(op) {
					span.SetAttributes(semconv.HTTPResponseStatusCode(answer.Status))
				}
				if result.errorType != "" {
					span.SetStatus(codes.Error, "")
				}
			}
			span.End()
			measured := metric.WithAttributeSet(attribute.NewSet(append(result.attributes(), identify(op)...)...))
			ctx := context.WithoutCancel(ctx) // what ends with the request counts too
			count.Add(ctx, 1, measured)
			duration.Record(ctx, time.Since(begun).Seconds(), measured)
		}
	}
}

func handle(err error) {
	if err != nil {
		otel.Handle(err)
	}
}

func spanName(op nuxtauth.Operation) string {
	if op.Provider == "" {
		return op.Name
	}
	return op.Name + " " + op.Provider
}

// isCall reports whether an operation is a call to a provider.
func isCall(op nuxtauth.Operation) bool { return op.URL != "" }

func kind(op nuxtauth.Operation) trace.SpanKind {
	if isCall(op) {
		return trace.SpanKindClient
	}
	return trace.SpanKindInternal
}

// identify returns the attributes of an operation that have few values.
func identify(op nuxtauth.Operation) []attribute.KeyValue {
	attributes := []attribute.KeyValue{operationKey.String(op.Name)}
	if op.Provider != "" {
		attributes = append(attributes, providerKey.String(op.Provider))
	}
	return attributes
}

// describe returns the attributes of the span of an operation that begins.
func describe(op nuxtauth.Operation) []attribute.KeyValue {
	attributes := identify(op)
	if op.Method != "" {
		attributes = append(attributes, semconv.HTTPRequestMethodKey.String(op.Method))
	}
	u, err := url.Parse(op.URL)
	if err != nil || !isCall(op) {
		return attributes
	}
	attributes = append(attributes, semconv.URLFull(op.URL), semconv.ServerAddress(strings.ToLower(u.Hostname())))
	port := map[string]int{"https": 443, "http": 80}[u.Scheme]
	if n, err := strconv.Atoi(u.Port()); err == nil {
		port = n
	}
	if port != 0 {
		attributes = append(attributes, semconv.ServerPort(port))
	}
	return attributes
}

// A result is how an operation has ended.
type result struct{ outcome, code, errorType string }

func (r result) attributes() []attribute.KeyValue {
	attributes := []attribute.KeyValue{outcomeKey.String(r.outcome)}
	if r.code != "" {
		attributes = append(attributes, codeKey.String(r.code))
	}
	if r.errorType != "" {
		attributes = append(attributes, semconv.ErrorTypeKey.String(r.errorType))
	}
	return attributes
}

func outcome(err error) result {
	answer, answered := errors.AsType[*nuxtauth.StatusError](err)
	refused, isRefused := errors.AsType[*nuxtauth.Error](err)
	switch {
	case err == nil:
		return result{outcome: "ok"}
	case errors.Is(err, nuxtauth.ErrSignedOut):
		return result{outcome: "signed_out"}
	case errors.Is(err, context.Canceled):
		return result{outcome: "canceled"}
	case answered && (!isRefused || answer.Status >= 500):
		return failed(strconv.Itoa(answer.Status))
	case isTimeout(err):
		return failed("timeout")
	case isRefused:
		return result{outcome: "refused", code: refused.Code}
	case errors.Is(err, nuxtauth.ErrUnavailable):
		return failed("unavailable")
	case errors.Is(err, nuxtauth.ErrConflict):
		return failed("conflict")
	case errors.Is(err, nuxtauth.ErrTokenTooLarge):
		return failed("token_too_large")
	}
	return failed(semconv.ErrorTypeOther.Value.AsString())
}

func failed(errorType string) result { return result{outcome: "error", errorType: errorType} }

// isTimeout reports whether an error is that of a deadline, of a context or of the network.
func isTimeout(err error) bool {
	timeout, ok := errors.AsType[interface {
		error
		Timeout() bool
	}](err)
	return ok && timeout.Timeout()
}
