package postfix_test

import (
	"context"
	"net"
	"net/smtp"
	"testing"
	"time"

	gosmtp "github.com/emersion/go-smtp"

	"github.com/usherd/usher/internal/testkit/postfix"
)

// TestDelivers: what it takes it hands on by LMTP, and what it does not know it
// refuses.
func TestDelivers(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan string, 10)
	server := gosmtp.NewServer(gosmtp.BackendFunc(func(*gosmtp.Conn) (gosmtp.Session, error) { return &session{got: got}, nil }))
	server.LMTP, server.Domain = true, "usher.example"
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	p := postfix.Start(t, postfix.Options{Domain: "acme.example", LMTP: l.Addr().String()})
	if err := smtp.SendMail(p.Addr, nil, "claire@myorg.example", []string{"help@acme.example"}, []byte("From: claire@myorg.example\r\n\r\nHi\r\n")); err != nil {
		t.Fatal(err, p.Log())
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	select {
	case to := <-got:
		if to != "help@acme.example" {
			t.Errorf("delivered to %s", to)
		}
	case <-ctx.Done():
		t.Fatal("never delivered", p.Log())
	}
	if err := smtp.SendMail(p.Addr, nil, "claire@myorg.example", []string{"claire@elsewhere.example"}, []byte("Hi\r\n")); err == nil {
		t.Error("it is an open relay")
	}
}
