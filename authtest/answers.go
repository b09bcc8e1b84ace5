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

// hugeSize is the size of the padding in a huge response, and paddingSize that of the
// parts in which it is written, in bytes.
const (
	hugeSize    = 64 << 20
	paddingSize = 256 << 10
)

// dripInterval is the time between two bytes of a dripping response.
const dripInterval = 20 * time.Millisecond

// answer replaces an endpoint, which it may call.
type answer = func(p *IDP, w http.ResponseWriter, r *http.Request, endpoint http.HandlerFunc)

// fixed returns an answer with a fixed response.
func fixed(status int, contentType, body string) answer {
	return func(_ *IDP, w http.ResponseWriter, _ *http.Request, _ http.HandlerFunc) {
		if contentType != "" {
			w.Header().Set("Content-Type", contentType)
		}
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}

// onlyRefreshing returns a for requests with a refresh token; the endpoint serves the others.
func onlyRefreshing(a answer) answer {
	return func(p *IDP, w http.ResponseWriter, r *http.Request, endpoint http.HandlerFunc) {
		if r.PostForm.Get("grant_type") != "refresh_token" {
			endpoint(w, r)
			return
		}
		a(p, w, r, endpoint)
	}
}

func serverError(_ *IDP, w http.ResponseWriter, _ *http.Request, _ http.HandlerFunc) {
	writeJSON(w, http.StatusInternalServerError, map[string]string{"error": "server_error"})
}

func htmlPage(_ *IDP, w http.ResponseWriter, _ *http.Request, _ http.HandlerFunc) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	io.WriteString(w, "<!doctype html><title>Down for maintenance</title><p>Back soon.")
}

func unauthorized(_ *IDP, w http.ResponseWriter, r *http.Request, _ http.HandlerFunc) {
	writeUnauthorized(w, r)
}

// redirect redirects to a URL at which the endpoint responds normally. Status 307 keeps
// the method and the body, so that a client that follows it repeats its secrets.
func redirect(p *IDP, w http.ResponseWriter, r *http.Request, _ http.HandlerFunc) {
	w.Header().Set("Location", p.url(movedPath+r.URL.Path))
	w.WriteHeader(http.StatusTemporaryRedirect)
}

// slow writes nothing until the client disconnects or the provider is closed.
func slow(p *IDP, _ http.ResponseWriter, r *http.Request, _ http.HandlerFunc) {
	select {
	case <-r.Context().Done():
	case <-p.closed.Done():
	}
}

// drip writes spaces, a valid beginning of JSON, until the client disconnects or the
// provider is closed.
func drip(p *IDP, w http.ResponseWriter, r *http.Request, _ http.HandlerFunc) {
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

// truncated writes the first half of the normal response as a complete response.
func truncated(_ *IDP, w http.ResponseWriter, r *http.Request, endpoint http.HandlerFunc) {
	response := responseOf(r, endpoint)
	half := response.body[:len(response.body)/2]
	response.writeHeader(w, len(half))
	w.Write(half)
}

// cutOff writes the header and the first half of the normal response. net/http then
// closes the connection, because the body is shorter than its Content-Length.
func cutOff(_ *IDP, w http.ResponseWriter, r *http.Request, endpoint http.HandlerFunc) {
	response := responseOf(r, endpoint)
	response.writeHeader(w, len(response.body))
	w.Write(response.body[:len(response.body)/2])
}

// huge writes the normal response with an additional first member of 64 MB.
func huge(p *IDP, w http.ResponseWriter, r *http.Request, endpoint http.HandlerFunc) {
	response := responseOf(r, endpoint)
	response.writeHeader(w, -1)
	response.writePadded(p, func(part []byte) error {
		_, err := w.Write(part)
		return err
	})
}

// gzipBomb is huge compressed by gzip, even if the client does not accept that. The
// body consists of many gzip members (RFC 1952 §2.2), most of them equal, so that each
// is compressed once.
func gzipBomb(p *IDP, w http.ResponseWriter, r *http.Request, endpoint http.HandlerFunc) {
	response := responseOf(r, endpoint)
	w.Header().Set("Content-Encoding", "gzip")
	response.writeHeader(w, -1)

	var packed bytes.Buffer
	var previous []byte
	response.writePadded(p, func(part []byte) error {
		if !bytes.Equal(part, previous) {
			packed.Reset()
			packer := gzip.NewWriter(&packed)
			packer.Write(part) // into memory: no errors
			packer.Close()
			previous = part
		}
		_, err := w.Write(packed.Bytes())
		return err
	})
}

// normal is the normal response of an endpoint, a JSON object.
type normal struct {
	status int
	header http.Header
	body   []byte
}

// responseOf returns the normal response of an endpoint.
func responseOf(r *http.Request, endpoint http.HandlerFunc) normal {
	recorder := httptest.NewRecorder()
	endpoint(recorder, r)
	return normal{recorder.Code, recorder.Header(), recorder.Body.Bytes()}
}

// writeHeader writes the status and the header, with this Content-Length unless it is
// negative.
func (a normal) writeHeader(w http.ResponseWriter, length int) {
	maps.Copy(w.Header(), a.header)
	w.Header().Del("Content-Length")
	if length >= 0 {
		w.Header().Set("Content-Length", strconv.Itoa(length))
	}
	w.WriteHeader(a.status)
}

// writePadded writes the object with a huge first member, part by part, until the client
// disconnects or the provider is closed.
func (a normal) writePadded(p *IDP, write func(part []byte) error) {
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
