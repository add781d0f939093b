package main

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// newClient runs a command that prints an OAuth client, and keeps its id and
// secret: client ID SECRET usher client create --connection okta.
func newClient(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(ts.Exec(args[2], args[3:]...))
	id, secret, ok := strings.Cut(strings.TrimSpace(ts.ReadFile("stdout")), " ")
	if !ok {
		ts.Fatalf("no client and secret: %s", ts.ReadFile("stdout"))
	}
	ts.Setenv(args[0], id)
	ts.Setenv(args[1], secret)
}

// askToken asks the server of the script for a token, as a client, and looks at
// SCIM with it: token STATUS ID SECRET.
func askToken(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	ctx, cancel := withPatience()
	defer cancel()
	base := "http://" + ts.Getenv("LISTEN")
	do := func(method, address, body string, change func(http.Header)) (int, string) {
		req, err := http.NewRequestWithContext(ctx, method, base+address, strings.NewReader(body))
		ts.Check(err)
		change(req.Header)
		res, err := (&http.Client{}).Do(req)
		ts.Check(err)
		defer res.Body.Close()
		answer, err := io.ReadAll(res.Body)
		ts.Check(err)
		return res.StatusCode, string(answer)
	}
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {args[1]}, "client_secret": {args[2]}}
	got, answer := do(http.MethodPost, "/oauth/token", form.Encode(), func(h http.Header) { h.Set("Content-Type", "application/x-www-form-urlencoded") })
	if got != want {
		ts.Fatalf("asking for a token: %d %s, want %d", got, answer, want)
	}
	if got != http.StatusOK {
		return
	}
	var token, rest string
	if _, rest, _ = strings.Cut(answer, `"access_token":"`); rest != "" {
		token, _, _ = strings.Cut(rest, `"`)
	}
	if !strings.Contains(answer, `"expires_in":7200`) {
		ts.Fatalf("%s", answer)
	}
	if got, answer := do(http.MethodGet, "/scim/v2/Users?count=0", "", func(h http.Header) { h.Set("Authorization", "Bearer "+token) }); got != http.StatusOK {
		ts.Fatalf("SCIM with the token: %s", fmt.Sprint(got, answer))
	}
}
