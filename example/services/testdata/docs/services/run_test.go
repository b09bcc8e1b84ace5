package services

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	health "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/nuxtauth/nuxtauth"
)

// issue returns a session of Ada, as the service with the middleware begins it.
func issue(t *testing.T) *nuxtauth.Issued {
	t.Helper()
	auth, err := nuxtauth.New(config)
	if err != nil {
		t.Fatal(err)
	}
	issued, err := auth.Issue(t.Context(), &Token{nuxtauth.DefaultJWT{Subject: "1", Name: "Ada"}})
	if err != nil {
		t.Fatal(err)
	}
	return issued
}

func TestOrderService(t *testing.T) {
	orders, err := newOrderService(config.Secret)
	if err != nil {
		t.Fatal(err)
	}
	ada := issue(t)
	for _, tt := range []struct {
		path     string
		signedIn bool
		status   int
		body     string
	}{
		{"/orders", true, http.StatusOK, "The orders of 1"},
		{"/orders", false, http.StatusUnauthorized, `{"message":"Sign in first."}`},
		{"/", true, http.StatusOK, "Hello, Ada"},
		{"/", false, http.StatusOK, "Hello"},
	} {
		r := httptest.NewRequest("GET", tt.path, nil)
		if tt.signedIn {
			for _, c := range ada.Cookies {
				r.AddCookie(c)
			}
		}
		w := httptest.NewRecorder()
		orders.ServeHTTP(w, r)
		if w.Code != tt.status || w.Body.String() != tt.body {
			t.Errorf("%s: %d %s, want %d %s", tt.path, w.Code, w.Body, tt.status, tt.body)
		}
	}
}

// whoCalls answers a user whose ID is the name of the service with SERVING.
type whoCalls struct {
	health.UnimplementedHealthServer
}

func (whoCalls) Check(ctx context.Context, r *health.HealthCheckRequest) (*health.HealthCheckResponse, error) {
	return answer(ctx, r), nil
}

func (whoCalls) Watch(r *health.HealthCheckRequest, s grpc.ServerStreamingServer[health.HealthCheckResponse]) error {
	return s.Send(answer(s.Context(), r))
}

func answer(ctx context.Context, r *health.HealthCheckRequest) *health.HealthCheckResponse {
	if nuxtauth.TokenFrom[Token](ctx).Subject == r.GetService() {
		return &health.HealthCheckResponse{Status: health.HealthCheckResponse_SERVING}
	}
	return &health.HealthCheckResponse{Status: health.HealthCheckResponse_NOT_SERVING}
}

func TestGRPC(t *testing.T) {
	tokens, err := nuxtauth.NewReader[Token](nuxtauth.ReaderConfig{Secret: config.Secret, URL: config.URL})
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := newServer(tokens)
	health.RegisterHealthServer(server, whoCalls{})
	go func() { _ = server.Serve(listener) }()
	defer server.Stop()
	conn, err := grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	client := health.NewHealthClient(conn)

	for name, tt := range map[string]struct {
		ctx  context.Context
		code codes.Code
	}{
		"ada":          {forUser(t.Context(), issue(t)), codes.OK},
		"no metadata":  {t.Context(), codes.Unauthenticated},
		"other token":  {metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer x.y.z"), codes.Unauthenticated},
		"other scheme": {metadata.AppendToOutgoingContext(t.Context(), "authorization", "Basic YTpi"), codes.Unauthenticated},
		"two tokens":   {forUser(forUser(t.Context(), issue(t)), issue(t)), codes.Unauthenticated},
	} {
		res, err := client.Check(tt.ctx, &health.HealthCheckRequest{Service: "1"})
		if status.Code(err) != tt.code || tt.code == codes.OK && res.GetStatus() != health.HealthCheckResponse_SERVING {
			t.Errorf("%s: %v, %v", name, res, err)
		}
		watch, err := client.Watch(tt.ctx, &health.HealthCheckRequest{Service: "1"})
		if err != nil {
			t.Fatal(err)
		}
		res, err = watch.Recv()
		if status.Code(err) != tt.code || tt.code == codes.OK && res.GetStatus() != health.HealthCheckResponse_SERVING {
			t.Errorf("%s, as a stream: %v, %v", name, res, err)
		}
	}
}

// A service that has the key set alone verifies the token.
func TestSignedAuth(t *testing.T) {
	var keys [2]*ecdsa.PrivateKey
	for i := range keys {
		var err error
		if keys[i], err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
			t.Fatal(err)
		}
	}
	defer func(before nuxtauth.Config[Token, Session]) { config = before }(config)
	router, err := newSignedAuth(keys[0], keys[1])
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	router.ServeHTTP(w, httptest.NewRequest("GET", "/.well-known/jwks.json", nil))
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(w.Body.Bytes(), &set); err != nil || len(set.Keys) != 2 {
		t.Fatalf("the set is %s, %v", w.Body, err)
	}
	claims := jwt.RegisteredClaims{}
	_, err = jwt.ParseWithClaims(issue(t).Token, &claims, func(tok *jwt.Token) (any, error) {
		kid, _ := tok.Header["kid"].(string)
		return set.Key(kid)[0].Key, nil
	}, jwt.WithValidMethods([]string{"ES256"}))
	if err != nil || claims.Subject != "1" || claims.ExpiresAt.Before(time.Now()) {
		t.Errorf("claims %+v, %v", claims, err)
	}
}
