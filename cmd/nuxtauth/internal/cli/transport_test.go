package cli_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
)

// A roundTrip answers each request with JSON.
type roundTrip func(*http.Request) string

// RoundTrip returns the answer.
func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Request: r,
		Body: io.NopCloser(strings.NewReader(f(r))),
	}, nil
}

// handled is the transport to a server without a network.
type handled http.HandlerFunc

// RoundTrip serves the request.
func (f handled) RoundTrip(r *http.Request) (*http.Response, error) {
	in := httptest.NewRequest(r.Method, r.URL.String(), r.Body)
	in.Header, in.Host = r.Header, r.URL.Host
	if r.Host != "" {
		in.Host = r.Host
	}
	rec := httptest.NewRecorder()
	f(rec, in)
	res := rec.Result()
	res.Request = r
	return res, nil
}
