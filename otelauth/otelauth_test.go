package otelauth_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/authtest"
	"github.com/nuxtauth/nuxtauth/authtest/hostile"
	"github.com/nuxtauth/nuxtauth/otelauth"
	"github.com/nuxtauth/nuxtauth/provider"
)

// A telemetry keeps spans and metrics in memory.
type telemetry struct {
	spans   *tracetest.InMemoryExporter
	metrics *sdkmetric.ManualReader
	tracers trace.TracerProvider
	observe func(context.Context, nuxtauth.Operation) (context.Context, func(error))
}

func newTelemetry() *telemetry {
	r := &telemetry{spans: tracetest.NewInMemoryExporter(), metrics: sdkmetric.NewManualReader()}
	r.tracers = sdktrace.NewTracerProvider(sdktrace.WithSyncer(r.spans))
	r.observe = otelauth.Observe(otelauth.WithTracerProvider(r.tracers), otelauth.WithMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(r.metrics))))
	return r
}

// A sum is the points of a metric: by their attributes, how often they were measured.
func (r *telemetry) sum(t *testing.T, name string) map[string]int {
	t.Helper()
	var all metricdata.ResourceMetrics
	if err := r.metrics.Collect(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	points := map[string]int{}
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			if m.Name != name {
				continue
			}
			switch data := m.Data.(type) {
			case metricdata.Sum[int64]:
				for _, p := range data.DataPoints {
					points[text(p.Attributes.ToSlice())] += int(p.Value)
				}
			case metricdata.Histogram[float64]:
				for _, p := range data.DataPoints {
					points[text(p.Attributes.ToSlice())] += int(p.Count)
				}
			}
		}
	}
	return points
}

// text lists attributes as name=value, sorted.
func text(attributes []attribute.KeyValue) string {
	var all []string
	for _, a := range attributes {
		all = append(all, fmt.Sprintf("%s=%s", a.Key, a.Value.String()))
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

// start starts an application that is observed, with a span for each request.
func start(t *testing.T, r *telemetry, providers ...provider.Provider) (*httptest.Server, *http.Client) {
	t.Helper()
	gin.SetMode(gin.TestMode)
	router := gin.New()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		ctx, span := r.tracers.Tracer("test").Start(q.Context(), "request")
		defer span.End()
		router.ServeHTTP(w, q.WithContext(ctx))
	}))
	auth, err := nuxtauth.New(nuxtauth.Config[nuxtauth.DefaultJWT, nuxtauth.DefaultSession[nuxtauth.DefaultUser]]{
		Secret: "a-secret-of-at-least-32-characters", URL: "http://" + server.Listener.Addr().String(), Providers: providers,
		Logger: slog.New(slog.DiscardHandler), Observe: r.observe,
	})
	if err != nil {
		t.Fatal(err)
	}
	router.Use(auth.Middleware())
	router.GET("/", func(c *gin.Context) { c.Status(http.StatusNoContent) })
	server.Start()
	t.Cleanup(server.Close)
	client := server.Client()
	if client.Jar, err = cookiejar.New(nil); err != nil {
		t.Fatal(err)
	}
	return server, client
}

func do(t *testing.T, client *http.Client, r *http.Request) {
	t.Helper()
	res, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, res.Body)
	_ = res.Body.Close()
}

func TestObserve_SignIn(t *testing.T) {
	r := newTelemetry()
	idp := authtest.StartIDP(t)
	server, client := start(t, r, idp.AsProvider("test"))
	do(t, client, idp.SignIn(t, authtest.BeginSignIn(t, client, server.URL+"/api/auth/signin/test"), "alice"))

	spans := r.spans.GetSpans()
	find := func(name string) tracetest.SpanStub {
		t.Helper()
		i := slices.IndexFunc(spans, func(s tracetest.SpanStub) bool { return s.Name == name })
		if i < 0 {
			t.Fatalf("no span %q", name)
		}
		return spans[i]
	}
	callback, token, load := find("api.callback test"), find("provider.token test"), find("session.load")
	host, port, _ := strings.Cut(strings.TrimPrefix(idp.AsProvider("test").Issuer, "http://"), ":")
	want := "http.request.method=POST nuxtauth.operation=provider.token nuxtauth.outcome=ok nuxtauth.provider=test server.address=" + host +
		" server.port=" + port + " url.full=http://" + host + ":" + port + "/token"
	if got := text(token.Attributes); got != want || token.SpanKind != trace.SpanKindClient || token.Status.Code != codes.Unset {
		t.Errorf("the token request is %v %s, want %s", token.SpanKind, got, want)
	}
	if token.Parent.SpanID() != callback.SpanContext.SpanID() {
		t.Error("the token request is no part of the callback")
	}
	if got := text(callback.Attributes); got != "http.request.method=GET nuxtauth.operation=api.callback nuxtauth.outcome=ok nuxtauth.provider=test" {
		t.Errorf("the callback is %s", got)
	}
	if got := text(load.Attributes); got != "nuxtauth.operation=session.load nuxtauth.outcome=ok" || load.SpanKind != trace.SpanKindInternal {
		t.Errorf("the load is %v %s", load.SpanKind, got)
	}
	if name := load.InstrumentationScope.Name; name != "github.com/nuxtauth/nuxtauth/otelauth" || load.InstrumentationScope.SchemaURL == "" {
		t.Errorf("the scope is %+v", load.InstrumentationScope)
	}
	for _, s := range spans {
		if !s.Parent.IsValid() && s.Name != "request" {
			t.Errorf("%s is part of no request", s.Name)
		}
	}
	for _, name := range []string{"nuxtauth.operations", "nuxtauth.operation.duration"} {
		if n := r.sum(t, name)["nuxtauth.operation=api.callback nuxtauth.outcome=ok nuxtauth.provider=test"]; n != 1 {
			t.Errorf("%s counts %d callbacks: %v", name, n, r.sum(t, name))
		}
	}
}

func TestObserve_ProviderIsDown(t *testing.T) {
	r := newTelemetry()
	idp := authtest.StartIDP(t)
	server, client := start(t, r, idp.AsProvider("test"))
	to := authtest.BeginSignIn(t, client, server.URL+"/api/auth/signin/test")
	idp.SetFaults(hostile.TokenServerError)
	do(t, client, idp.SignIn(t, to, "alice"))

	for _, s := range r.spans.GetSpans() {
		attributes := text(s.Attributes)
		switch s.Name {
		case "provider.token test":
			if s.Status.Code != codes.Error || !strings.Contains(attributes, "error.type=500") || !strings.Contains(attributes, "http.response.status_code=500") {
				t.Errorf("%s is %v %s", s.Name, s.Status, attributes)
			}
		case "api.callback test":
			if s.Status.Code != codes.Error || !strings.Contains(attributes, "error.type=500") {
				t.Errorf("%s is %v %s", s.Name, s.Status, attributes)
			}
		}
	}
	if n := r.sum(t, "nuxtauth.operations")["error.type=500 nuxtauth.operation=provider.token nuxtauth.outcome=error nuxtauth.provider=test"]; n != 1 {
		t.Errorf("counted %v", r.sum(t, "nuxtauth.operations"))
	}
}

func TestObserve_Outcomes(t *testing.T) {
	for name, tt := range map[string]struct {
		err    error
		want   string
		status codes.Code
	}{
		"none":        {nil, "nuxtauth.outcome=ok", codes.Unset},
		"signed out":  {fmt.Errorf("x: %w", nuxtauth.ErrSignedOut), "nuxtauth.outcome=signed_out", codes.Unset},
		"refused":     {&nuxtauth.Error{Code: "Locked", Err: errors.New("secret")}, "nuxtauth.code=Locked nuxtauth.outcome=refused", codes.Unset},
		"client left": {fmt.Errorf("x: %w", context.Canceled), "nuxtauth.outcome=canceled", codes.Unset},
		"timeout":     {&nuxtauth.Error{Code: "OAuthCallback", Err: context.DeadlineExceeded}, "error.type=timeout nuxtauth.outcome=error", codes.Error},
		"unavailable": {nuxtauth.Unavailable(errors.New("secret")), "error.type=unavailable nuxtauth.outcome=error", codes.Error},
		"conflict":    {nuxtauth.ErrConflict, "error.type=conflict nuxtauth.outcome=error", codes.Error},
		"too large":   {nuxtauth.ErrTokenTooLarge, "error.type=token_too_large nuxtauth.outcome=error", codes.Error},
		"other":       {errors.New("secret"), "error.type=_OTHER nuxtauth.outcome=error", codes.Error},
		"answer":      {&nuxtauth.StatusError{Status: 401}, "error.type=401 nuxtauth.outcome=error", codes.Error},
		"grant":       {&nuxtauth.Error{Code: "OAuthCallback", Err: &nuxtauth.StatusError{Status: 400}}, "nuxtauth.code=OAuthCallback nuxtauth.outcome=refused", codes.Unset},
	} {
		r := newTelemetry()
		ctx, cancel := context.WithCancel(t.Context())
		_, end := r.observe(ctx, nuxtauth.Operation{Name: "x"})
		cancel() // as when the client has left
		end(tt.err)
		span := r.spans.GetSpans()[0]
		if got := text(span.Attributes); got != "nuxtauth.operation=x "+tt.want && got != strings.Replace(tt.want, "nuxtauth.outcome", "nuxtauth.operation=x nuxtauth.outcome", 1) || span.Status.Code != tt.status {
			t.Errorf("%s: %s, %v; want %s, %v", name, got, span.Status, tt.want, tt.status)
		}
		if span.Status.Description != "" || len(span.Events) > 0 {
			t.Errorf("%s: the span has the text of the error: %+v", name, span)
		}
		if points := r.sum(t, "nuxtauth.operations"); len(points) != 1 {
			t.Errorf("%s: counted %v", name, points)
		}
	}
}

// Without options the global providers are used, which by default do nothing.
func TestObserve_WithoutProviders(t *testing.T) {
	ctx, end := otelauth.Observe()(t.Context(), nuxtauth.Operation{Name: "session.load"})
	end(nil)
	if ctx == nil {
		t.Error("no context")
	}
}
