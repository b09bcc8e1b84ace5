package authtest

import (
	"bytes"
	"compress/gzip"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strconv"
	"time"
)

// hugeSize is how much a huge answer adds to the good one, and paddingSize how
// much of it is written at once, in bytes.
const (
	hugeSize    = 64 << 20
	paddingSize = 256 << 10
)

// dripInterval is the time between two bytes of a dripping answer.
const dripInterval = 20 * time.Millisecond

// An answer takes the place of an endpoint. It may call it.
type answer = func(p *Provider, w http.ResponseWriter, r *http.Request, endpoint http.HandlerFunc)

// fixed answers always the same.
func fixed(status int, contentType, body string) answer {
	return func(_ *Provider, w http.ResponseWriter, _ *http.Request, _ http.HandlerFunc) {
		if contentType != "" {
			w.Header().Set("Content-Type", contentType)
		}
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}

// onlyRefreshing answers a refresh token and leaves a code to the endpoint.
func onlyRefreshing(a answer) answer {
	return func(p *Provider, w http.ResponseWriter, r *http.Request, endpoint http.HandlerFunc) {
		if r.PostForm.Get("grant_type") != "refresh_token" {
			endpoint(w, r)
			return
		}
		a(p, w, r, endpoint)
	}
}

func serverError(_ *Provider, w http.ResponseWriter, _ *http.Request, _ http.HandlerFunc) {
	writeJSON(w, http.StatusInternalServerError, map[string]string{"error": "server_error"})
}

func htmlPage(_ *Provider, w http.ResponseWriter, _ *http.Request, _ http.HandlerFunc) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	io.WriteString(w, "<!doctype html><title>Down for maintenance</title><p>Back soon.")
}

func unauthorized(_ *Provider, w http.ResponseWriter, r *http.Request, _ http.HandlerFunc) {
	writeUnauthorized(w, r)
}

// redirect leads to where the endpoint answers well. Status 307 keeps the
// method and the body, so a client that follows repeats its secrets.
func redirect(p *Provider, w http.ResponseWriter, r *http.Request, _ http.HandlerFunc) {
	w.Header().Set("Location", p.url(movedPath+r.URL.Path))
	w.WriteHeader(http.StatusTemporaryRedirect)
}

// slow answers nothing until the client hangs up or the provider closes.
func slow(p *Provider, _ http.ResponseWriter, r *http.Request, _ http.HandlerFunc) {
	select {
	case <-r.Context().Done():
	case <-p.closed.Done():
	}
}

// drip sends spaces, which are good JSON so far, until the client hangs up or
// the provider closes.
func drip(p *Provider, w http.ResponseWriter, r *http.Request, _ http.HandlerFunc) {
	w.Header().Set("Content-Type", "application/json")
	ticker := time.NewTicker(dripInterval)
	defer ticker.Stop()
	for {
		if _, err := io.WriteString(w, " "); err != nil {
			return
		}
		http.NewResponseController(w).Flush()
		select {
		case <-ticker.C:
		case <-r.Context().Done():
			return
		case <-p.closed.Done():
			return
		}
	}
}

// truncated sends the first half of the good answer as the whole.
func truncated(_ *Provider, w http.ResponseWriter, r *http.Request, endpoint http.HandlerFunc) {
	good := answerOf(r, endpoint)
	half := good.body[:len(good.body)/2]
	good.writeHeader(w, len(half))
	w.Write(half)
}

// cutOff announces the good answer and breaks the connection halfway, as
// net/http does when a handler writes less than it announced.
func cutOff(_ *Provider, w http.ResponseWriter, r *http.Request, endpoint http.HandlerFunc) {
	good := answerOf(r, endpoint)
	good.writeHeader(w, len(good.body))
	w.Write(good.body[:len(good.body)/2])
}

// huge sends the good answer with 64 MB of a further member in front.
func huge(p *Provider, w http.ResponseWriter, r *http.Request, endpoint http.HandlerFunc) {
	good := answerOf(r, endpoint)
	good.writeHeader(w, -1)
	good.writePadded(p, func(part []byte) error {
		_, err := w.Write(part)
		return err
	})
}

// gzipBomb is huge, compressed, whether or not the client has asked for gzip.
// The answer is many gzip members in a row (RFC 1952 §2.2), because most of
// them are the same and need compressing only once.
func gzipBomb(p *Provider, w http.ResponseWriter, r *http.Request, endpoint http.HandlerFunc) {
	good := answerOf(r, endpoint)
	w.Header().Set("Content-Encoding", "gzip")
	good.writeHeader(w, -1)

	var packed bytes.Buffer
	var previous []byte
	good.writePadded(p, func(part []byte) error {
		if !bytes.Equal(part, previous) {
			packed.Reset()
			packer := gzip.NewWriter(&packed)
			packer.Write(part) // into memory: neither can fail
			packer.Close()
			previous = part
		}
		_, err := w.Write(packed.Bytes())
		return err
	})
}

// A goodAnswer is what an endpoint would have answered: a JSON object.
type goodAnswer struct {
	status int
	header http.Header
	body   []byte
}

// answerOf asks the endpoint.
func answerOf(r *http.Request, endpoint http.HandlerFunc) goodAnswer {
	recorder := httptest.NewRecorder()
	endpoint(recorder, r)
	return goodAnswer{recorder.Code, recorder.Header(), recorder.Body.Bytes()}
}

// writeHeader sends the status and the header, with this Content-Length unless
// it is negative.
func (a goodAnswer) writeHeader(w http.ResponseWriter, length int) {
	maps.Copy(w.Header(), a.header)
	w.Header().Del("Content-Length")
	if length >= 0 {
		w.Header().Set("Content-Length", strconv.Itoa(length))
	}
	w.WriteHeader(a.status)
}

// writePadded writes the object with a huge member in front, part by part,
// until the client or the provider has had enough.
func (a goodAnswer) writePadded(p *Provider, write func(part []byte) error) {
	parts := [][]byte{[]byte(`{"padding":"`)}
	padding := bytes.Repeat([]byte("a"), paddingSize)
	for range hugeSize / paddingSize {
		parts = append(parts, padding)
	}
	parts = append(parts, []byte(`",`), bytes.TrimPrefix(a.body, []byte("{")))

	for _, part := range parts {
		if p.closed.Err() != nil || write(part) != nil {
			return
		}
	}
}
