package scimserver

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"

	"github.com/usherd/usher/internal/auth"
)

// assertionType is what an assertion of RFC 7523 section 2.2 is called.
const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

const (
	maxTokenBody  = 64 << 10
	maxClientName = 200
)

// tokenRequest is a request for a token: who asks, and how they prove it.
type tokenRequest struct {
	client, secret, assertion, scope string
}

// proves reports whether there is anything to prove the client with.
func (req tokenRequest) proves() bool {
	return req.client != "" && (req.secret != "" || req.assertion != "")
}

// readTokenRequest reads what was asked for. Parameters count in the body alone:
// addresses end up in logs (RFC 6749 section 3.2).
func readTokenRequest(w http.ResponseWriter, r *http.Request) (tokenRequest, error) {
	if r.Method != http.MethodPost {
		return tokenRequest{}, &refusal{code: "invalid_request", description: "tokens are asked for by POST", status: http.StatusMethodNotAllowed}
	}
	form, err := readForm(w, r)
	if err != nil {
		return tokenRequest{}, err
	}
	switch form.Get("grant_type") {
	case "client_credentials":
	case "":
		return tokenRequest{}, badRequest("grant_type is missing")
	default:
		return tokenRequest{}, &refusal{code: "unsupported_grant_type", description: "the only grant is client_credentials"}
	}
	req := tokenRequest{scope: form.Get("scope")}
	if err := req.readClient(r, form); err != nil {
		return tokenRequest{}, err
	}
	if len(req.client) > maxClientName {
		return tokenRequest{}, badRequest("client_id is too long")
	}
	return req, nil
}

func readForm(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	if t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || t != "application/x-www-form-urlencoded" {
		return nil, badRequest("the body must be application/x-www-form-urlencoded")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxTokenBody))
	if tooBig := new(http.MaxBytesError); errors.As(err, &tooBig) {
		return nil, &refusal{code: "invalid_request", description: "the body is too large", status: http.StatusRequestEntityTooLarge}
	}
	if err != nil {
		return nil, badRequest("the body ended before it was whole")
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, badRequest("the body is no form")
	}
	for _, values := range form {
		if len(values) > 1 {
			return nil, badRequest("a parameter is there twice")
		}
	}
	return form, nil
}

// readClient finds out who asks and how they prove it, which must be one way
// (RFC 6749 section 2.3).
func (req *tokenRequest) readClient(r *http.Request, form url.Values) error {
	req.client, req.secret, req.assertion = form.Get("client_id"), form.Get("client_secret"), form.Get("client_assertion")
	switch {
	case req.assertion == "" && form.Has("client_assertion_type"), req.assertion != "" && form.Get("client_assertion_type") != assertionType:
		return badRequest("client_assertion goes with client_assertion_type " + assertionType)
	case req.assertion != "" && form.Has("client_secret"):
		return badRequest("the client must prove itself in one way, not two")
	case req.assertion != "" && req.client == "":
		req.client = auth.AssertionSubject(req.assertion)
	}
	if r.Header.Get("Authorization") == "" {
		return nil
	}
	if req.assertion != "" || form.Has("client_secret") {
		return badRequest("the client must prove itself in one way, not two")
	}
	name, secret, ok := basic(r)
	switch {
	case !ok:
		return errClient("the Authorization header is not Basic, or not well formed")
	case req.client != "" && req.client != name:
		return badRequest("the header and the body name different clients")
	}
	req.client, req.secret = name, secret
	return nil
}

// basic reads name and secret from the header, where each is form-encoded (RFC
// 6749 section 2.3.1). Ours hold nothing that encoding changes, so that clients
// which do not encode are understood as well.
func basic(r *http.Request) (name, secret string, ok bool) {
	name, secret, ok = r.BasicAuth()
	n, err1 := url.QueryUnescape(name)
	s, err2 := url.QueryUnescape(secret)
	return n, s, ok && errors.Join(err1, err2) == nil
}
