package flow

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/nuxtauth/nuxtauth/internal/observe"
	"github.com/nuxtauth/nuxtauth/provider"
)

const (
	maxBody    = 1 << 20  // bytes of a response, after decompression
	maxHeaders = 64 << 10 // bytes of the headers of a response
)

// client makes all requests to the provider. It uses https (or http to a configured
// loopback address), follows no redirect, keeps no cookies, and limits responses to 1 MB.
// The context of a call bounds its time.
type client struct {
	http     *http.Client
	allowed  *addresses
	provider string       // its ID, for observe
	observe  observe.Func // nil for none
}

// newClient returns a client with the transport and the timeout of base, which may be nil.
// A transport of the application resolves names itself.
func newClient(cfg Config, id string, allowed *addresses) *client {
	base := cfg.HTTPClient
	if base == nil {
		base = &http.Client{}
	}
	next := base.Transport
	if next == nil {
		next = http.DefaultTransport
		if shared, ok := next.(*http.Transport); ok {
			own := shared.Clone()
			own.MaxResponseHeaderBytes = maxHeaders
			own.MaxIdleConnsPerHost = own.MaxIdleConns // a provider has one or two hosts
			allowed.restrict(own)
			next = own
		}
	}
	return &client{http: &http.Client{
		Transport:     next,
		Timeout:       base.Timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, allowed: allowed, provider: id, observe: cfg.Observe}
}

// A response of the provider.
type response struct {
	url         string // without its query
	status      int
	contentType string
	body        []byte
}

// get fetches a resource, with accessToken as Bearer token unless it is empty. Another
// status than 200 is an error. operation is its name for Config.Observe.
func (c *client) get(ctx context.Context, operation, rawURL, accessToken string) ([]byte, error) {
	r, err := c.fetch(ctx, operation, rawURL, accessToken)
	if err == nil {
		err = r.check()
	}
	if err != nil {
		return nil, err
	}
	return r.body, nil
}

// check returns an error for another status than 200.
func (r *response) check() error {
	if r.status == http.StatusOK {
		return nil
	}
	return fmt.Errorf("%s: %w", r.url, &provider.StatusError{Status: r.status})
}

// fetch is get for any status.
func (c *client) fetch(ctx context.Context, operation, rawURL, accessToken string) (*response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, rawURL, nil)
	if err != nil {
		return nil, errors.New("not a URL")
	}
	if accessToken != "" {
		req.Header.Set("Authorization", "Bearer "+accessToken)
	}
	return c.do(operation, req)
}

// do sends a request and reads the whole response. An error has the URL without its query.
func (c *client) do(operation string, req *http.Request) (*response, error) {
	var end observe.End
	if c.observe != nil {
		var ctx context.Context
		ctx, end = c.observe.Start(req.Context(), observe.Operation{Name: operation, Provider: c.provider, Method: req.Method, URL: redactedURL(req.URL)})
		req = req.WithContext(ctx)
	}
	r, err := c.send(req)
	if err != nil {
		err = fmt.Errorf("%s: %w", redactedURL(req.URL), err)
		end.Done(&err)
		return nil, err
	}
	if end != nil {
		failed := r.check() // whatever the caller makes of it
		end.Done(&failed)
	}
	return r, nil
}

func (c *client) send(req *http.Request) (*response, error) {
	if err := c.allowed.checkURL(req.URL); err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", "nuxtauth")
	req.Header.Set("Accept", "application/json")

	resp, err := c.http.Do(req)
	if err != nil {
		return nil, errors.Unwrap(err) // of a *url.Error, which has the query
	}
	defer resp.Body.Close()

	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	if err != nil {
		return nil, err
	}
	if len(body) > maxBody {
		return nil, fmt.Errorf("the response is larger than %d bytes", maxBody)
	}
	return &response{redactedURL(req.URL), resp.StatusCode, resp.Header.Get("Content-Type"), body}, nil
}

// post sends a form. basic has the name and the password of HTTP Basic authentication; nil
// means none.
func (c *client) post(ctx context.Context, operation, rawURL string, form url.Values, basic *url.Userinfo) (*response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, rawURL, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, errors.New("not a URL")
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if basic != nil {
		password, _ := basic.Password()
		req.SetBasicAuth(basic.Username(), password)
	}
	return c.do(operation, req)
}

// redactedURL returns u without the parts that may be secret: user, query, fragment.
func redactedURL(u *url.URL) string {
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}

// share runs fetch once for concurrent callers. The end of one caller's context does
// not cancel it for the others, so that fetch has a timeout of its own. Callers with
// another key do not share it.
func share[T any](ctx context.Context, group *singleflight.Group, key string, timeout time.Duration, fetch func(context.Context) (T, error)) (T, error) {
	results := group.DoChan(key, func() (value any, err error) {
		// This is not the request's goroutine: a panic would end the process. The
		// transport of the application returns its panics as errors.
		defer func() {
			if r := recover(); r != nil {
				err = fmt.Errorf("panic: %v", r)
			}
		}()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout)
		defer cancel()
		return fetch(ctx)
	})
	var none T
	select {
	case <-ctx.Done():
		return none, ctx.Err()
	case result := <-results:
		if result.Err != nil {
			return none, result.Err
		}
		return result.Val.(T), nil
	}
}

// pause is the minimum time between two requests that every client can cause, such as one
// that sends forged logout tokens to the application or begins sign-ins.
const pause = 3 * time.Second

// attempt is the latest request for a resource of the provider.
type attempt struct {
	ended time.Time
	err   error
}

// isRecent reports whether the next request has to wait. A nil attempt is none.
func (a *attempt) isRecent(now time.Time) bool {
	if a == nil {
		return false
	}
	since := now.Sub(a.ended)
	return 0 <= since && since < pause // below 0 the clock was set back
}
