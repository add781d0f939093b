package intake

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/usherd/usher/internal/registry"
)

func startListener(t *testing.T, o *office, lmtp bool) string {
	t.Helper()
	socket, err := net.Listen("unix", filepath.Join(t.TempDir(), "lmtp"))
	if err != nil {
		t.Fatal(err)
	}
	l := NewListener(newMailroom(t, o, nil), ListenerConfig{
		LMTP: lmtp, Domain: "usher.acme.example", MaxSize: 4096, MaxRecipients: 2,
		Company: func(_ context.Context, key string) (registry.CompanyID, error) {
			if key != "acme" {
				return 0, registry.ErrNotFound
			}
			return 1, nil
		},
	}, slog.New(slog.DiscardHandler))
	served := make(chan error, 1)
	go func() { served <- l.Serve(socket) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := errors.Join(l.Close(ctx), <-served); err != nil {
			t.Error(err)
		}
	})
	return socket.Addr().String()
}

func client(t *testing.T, address string, lmtp bool) *smtp.Client {
	t.Helper()
	conn, err := net.Dial("unix", address)
	if err != nil {
		t.Fatal(err)
	}
	c := smtp.NewClient(conn)
	if lmtp {
		c = smtp.NewClientLMTP(conn)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// codeOf is the code of an answer, 250 for consent.
func codeOf(err error) int {
	var e *smtp.SMTPError
	switch {
	case err == nil:
		return 250
	case errors.As(err, &e):
		return e.Code
	}
	return 0
}

func TestLMTP(t *testing.T) {
	o := newOffice()
	c := client(t, startListener(t, o, true), true)
	send := func(from, message string, to ...string) (codes []int) {
		t.Helper()
		if err := c.Mail(from, nil); err != nil {
			t.Fatal(err)
		}
		var taken []string
		for _, rcpt := range to {
			if code := codeOf(c.Rcpt(rcpt, nil)); code != 250 {
				codes = append(codes, code)
			} else {
				taken = append(taken, rcpt)
			}
		}
		w, err := c.Data()
		if err != nil {
			return append(codes, codeOf(err))
		}
		_, _ = w.Write([]byte(message)) // a refusal shows in the answer
		_, err = w.CloseWithLMTPResponse()
		var failed smtp.LMTPDataError
		if err != nil && !errors.As(err, &failed) {
			t.Fatal(err)
		}
		for _, rcpt := range taken {
			code := 250
			if e := failed[rcpt]; e != nil {
				code = e.Code
			}
			codes = append(codes, code)
		}
		if err := c.Reset(); err != nil {
			t.Fatal(err)
		}
		return codes
	}
	check := func(what string, got []int, want ...int) {
		t.Helper()
		if len(got) != len(want) {
			t.Fatalf("%s: %v, want %v", what, got, want)
		}
		for i := range got {
			if got[i] != want[i] {
				t.Errorf("%s: %v, want %v", what, got, want)
			}
		}
	}
	claire := string(letterFrom("Claire <claire@myorg.example>", "1"))
	check("a person, to two of ours and a stranger", send("claire@myorg.example", claire, "Help@ACME.example", "nobody@acme.example", "support+x@acme.example"), 550, 250, 250)
	check("a bounce", send("", claire, "help@acme.example"), 250)
	if len(o.users) != 1 {
		t.Errorf("met %d people", len(o.users))
	}
	check("too many recipients", send("a@b.example", claire, "help@acme.example", "support@acme.example", "help@acme.example"), 452, 250, 250)
	check("too large", send("a@b.example", claire+strings.Repeat("x\r\n", 4096), "help@acme.example"), 552)
	o.fail = errors.New("the database is away")
	check("the database is away", send("bob@myorg.example", string(letterFrom("bob@myorg.example", "2")), "help@acme.example"), 451)
	o.fail = nil
	check("it is back", send("bob@myorg.example", string(letterFrom("bob@myorg.example", "2")), "help@acme.example"), 250)
	if len(o.users) != 2 {
		t.Errorf("met %d people", len(o.users))
	}
}

// TestIdleConnection: a mail server that keeps a connection open holds no stop up.
func TestIdleConnection(t *testing.T) {
	var conn net.Conn
	t.Cleanup(func() { _ = conn.Close() }) // after the listener, which was started later
	at := startListener(t, newOffice(), true)
	var err error
	if conn, err = net.Dial("unix", at); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Read(make([]byte, 3)); err != nil {
		t.Fatal(err)
	}
}

func TestSMTP(t *testing.T) {
	o := newOffice()
	address := startListener(t, o, false)
	if err := client(t, address, false).SendMail("claire@myorg.example", []string{"help@acme.example"}, strings.NewReader(string(letterFrom("claire@myorg.example", "1")))); err != nil {
		t.Fatal(err)
	}
	o.fail = errors.New("the database is away")
	err := client(t, address, false).SendMail("bob@myorg.example", []string{"help@acme.example"}, strings.NewReader(string(letterFrom("bob@myorg.example", "2"))))
	if codeOf(err) != 451 || len(o.users) != 1 {
		t.Errorf("%v, met %d", err, len(o.users))
	}
}
