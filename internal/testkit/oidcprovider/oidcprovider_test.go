package oidcprovider_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/usherd/usher/internal/testkit/oidcprovider"
)

// TestStart: the provider describes itself and ends when it is told to.
func TestStart(t *testing.T) {
	s := oidcprovider.Start(t, oidcprovider.Client{ID: "usher", Secret: "secret", RedirectURIs: []string{"http://localhost/callback"}})
	s.Next(oidcprovider.Account{Subject: "1"})
	client := &http.Client{Timeout: 10 * time.Second}
	res, err := client.Get(s.Issuer + "/.well-known/openid-configuration")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || !strings.Contains(string(body), `"issuer":"`+s.Issuer+`"`) {
		t.Errorf("%v: %s", err, body)
	}
	s.Stop()
	if res, err := client.Get(s.Issuer); err == nil {
		res.Body.Close()
		t.Error("it still answers")
	}
}
