package api

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"reflect"
	"time"

	"github.com/usherd/usher/internal/registry"
)

const (
	keyHeader      = "Idempotency-Key"
	replayedHeader = "Idempotent-Replayed"
	// keyLength is the longest key that is taken.
	keyLength = 255
	// keptFor is how long an answer is kept.
	keptFor = 24 * time.Hour
	// atWorkFor is how long a key stands for a request that is at work: longer than
	// any is, so that only one whose process died lets go of it.
	atWorkFor = 15 * time.Minute
)

// requestHash is what makes two requests the same.
func requestHash(q *request, body []byte) []byte {
	sum := sha256.New()
	_, _ = fmt.Fprintf(sum, "%s %s\n%s\n", q.Method, q.URL.RequestURI(), q.Header.Get("If-Match")) // a hash takes everything
	_, _ = sum.Write(body)
	return sum.Sum(nil)
}

// once carries a request out unless its key has done so before: then the first
// answer is given again.
func (s *Server) once(w http.ResponseWriter, q *request, in reflect.Value, key string, hash []byte) error {
	if !validKey(key) {
		return refuse(registry.CodeBadRequest, "%s is 1 to %d visible characters of ASCII", keyHeader, keyLength).at(keyHeader)
	}
	records, token := s.cfg.Open(q.who.Company), registry.TokenID(q.who.Token)
	first, err := records.BeginRequest(q.Context(), token, key, hash, s.cfg.Now().Add(atWorkFor))
	switch {
	case err != nil:
		return err
	case first == nil:
	case string(first.RequestHash) != string(hash):
		return refuse(registry.CodeKeyReused, "this key was used for another request").at(keyHeader)
	case first.Status == 0:
		return refuse(registry.CodeKeyAtWork, "the first request with this key is still at work").at(keyHeader)
	default:
		w.Header().Set(replayedHeader, "true")
		(&answered{KeptAnswer: *first}).write(w, q)
		return nil
	}
	// What follows is kept whether or not the client waits for it.
	ctx := context.WithoutCancel(q.Context())
	kept := false
	defer func() {
		if kept {
			return
		}
		if err := records.DropRequest(ctx, token, key); err != nil {
			s.cfg.Log.ErrorContext(ctx, "drop idempotency key", "request_id", q.id, "error", err)
		}
	}()
	a, err := s.carryOut(q, in)
	if err != nil {
		return err
	}
	a.RequestHash = hash
	kept = true // something was done: a repetition must not do it again
	if err := records.FinishRequest(ctx, token, key, a.KeptAnswer, s.cfg.Now().Add(keptFor)); err != nil {
		s.cfg.Log.ErrorContext(ctx, "keep answer", "request_id", q.id, "error", err)
	}
	a.write(w, q)
	return nil
}

func validKey(key string) bool {
	if len(key) > keyLength {
		return false
	}
	for i := range len(key) {
		if key[i] <= ' ' || key[i] > '~' {
			return false
		}
	}
	return true
}
